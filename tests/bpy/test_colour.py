"""Head, clean plate and footage have the same colours in Blender, whatever the footage is tagged as."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bpy.picture import render

ROOT = Path(__file__).resolve().parents[2]
LEVEL = 1 / 255
CROP_X, MARGIN = 48, 3
"""Where the crop begins in the footage, px, and how far from a border colours are compared."""
ROW_PX = 8
KINDS = ("bt709", "untagged", "bt601", "full range", "sRGB PNG", "bt709 10 bit")
WIDE_KINDS = {
    "HLG ProRes": "hlg-rec2020",
    "PQ full range 12 bit": "pq-rec2020",
    "Display P3": "srgb-p3",
    "BT.2020": "srgb-rec2020",
}
"""Footage that is converted, and what it is called."""


@pytest.fixture(scope="module")
def footage_take(backend_python, tmp_path_factory):
    """A function that writes a take with footage of a kind (see footage_take.py) and returns (take, what is known)."""
    made = {}

    def make(kind: str, *options: str) -> tuple[Path, dict]:
        if (kind, *options) not in made:
            folder = tmp_path_factory.mktemp("footage") / "line"
            subprocess.run(
                [backend_python, Path(__file__).with_name("footage_take.py"), folder, kind, *options],
                check=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            made[kind, *options] = folder, json.loads((folder / "known.json").read_text())
        return made[kind, *options]

    return make


def image_of(addon, role):
    """The image that was brought in a role."""
    bpy = sys.modules["bpy"]
    return next(item for item in bpy.data.images if item.get("talker_role") == role)


def without_border(mask):
    """(H, W) bool: a mask without MARGIN px at its border."""
    inside = mask
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        for distance in range(1, MARGIN + 1):
            inside = inside & np.roll(mask, step * distance, axis)
    return inside


def difference_in_face(shown, take):
    """Mean difference in levels of 255 between the pictures "head" and "footage" of a take with a face, inside it."""
    head, footage = (shown[name][:, CROP_X:-CROP_X, :3] for name in ("head", "footage"))
    difference = np.abs(head - footage).mean(axis=2) / LEVEL
    face = np.load(take.parent / "head.npy")
    assert difference[~face].max() < 0.1, "the pictures are of different frames"
    return float(difference[without_border(face)].mean())


def columns(picture, left, right):
    """(rows, 3) mean of a rectangle's columns, without those near its border."""
    return picture[:, left + MARGIN : right - MARGIN, :3].mean(axis=1)


def inner_rows(rows):
    """Rows of one colour, without those next to another: Blender interpolates chroma in another way there."""
    return rows.reshape(-1, ROW_PX, 3)[:, 2:-2]


def mean_level_error(a, b):
    """Mean absolute difference in grey levels of 255, inside of the rows of one colour."""
    a, b = inner_rows(a), inner_rows(b)
    return float(np.abs(a - b).mean() / LEVEL)


def halves_and_footage(picture):
    """Head, plate and footage of a rendered composite: (rows, 3) each."""
    crop = picture.shape[1] - 2 * CROP_X
    middle = CROP_X + crop // 2
    return (
        columns(picture, CROP_X, middle),
        columns(picture, middle, CROP_X + crop),
        columns(picture, 0, CROP_X),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_compositor_shows_head_plate_and_footage_in_the_same_colours(addon, scene, footage_take, tmp_path, kind):
    take, known = footage_take(kind)
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=known["clip"])
    assert not any("colour" in warning for warning in done.warnings)
    scene.frame_set(2)
    picture = render(scene, tmp_path / "a.png", sequencer=False)
    head, plate, footage = halves_and_footage(picture)
    stored = np.array(known["stored"]) / 255
    errors = {
        "head and plate": mean_level_error(head, plate),
        "head and footage": mean_level_error(head, footage),
        "head and stored": mean_level_error(head, stored),
    }
    assert max(errors.values()) <= 1, errors


@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_converted_footage_is_read_by_its_own_space_where_blender_has_it(addon, scene, footage_take, tmp_path, kind):
    take, known = footage_take(kind)
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=known["clip"])
    spaces = image_of(addon, "footage").colorspace_settings.bl_rna.properties["name"].enum_items.keys()
    is_known = addon.bridge.colour.space_among(spaces, WIDE_KINDS[kind]) is not None
    assert is_known or kind != "Display P3"
    scene.frame_set(2)
    head, plate, footage = halves_and_footage(render(scene, tmp_path / "a.png", sequencer=False))
    errors = {
        "head and plate": mean_level_error(head, plate),
        "head and stored": mean_level_error(head, np.array(known["stored"]) / 255),
    }
    if is_known:
        errors["head and footage"] = mean_level_error(head, footage)
    assert max(errors.values()) <= 1, errors
    told = [warning for warning in done.warnings if f"the colours {WIDE_KINDS[kind]}" in warning]
    assert len(told) == (0 if is_known else 1), done.warnings


@pytest.mark.parametrize("kind", [*KINDS, *WIDE_KINDS])
def test_inside_the_face_the_head_is_what_the_footage_shows(addon, bpy, footage_take, tmp_path, kind):
    """The drawn presenter's face as the head, against the footage alone as Blender shows it."""
    shown = {}
    take, known = footage_take(kind, "--face")
    footage = {"footage": known["clip"], "background": "FOOTAGE"}
    for name, folder in (("footage", take.with_name("headless")), ("head", take)):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
        done = addon.headless.bring_back(folder, 1, exact_colours=True, **footage)
        bpy.context.scene.frame_set(2)
        shown[name] = render(bpy.context.scene, tmp_path / f"{name}.png", sequencer=False)
    inside = difference_in_face(shown, take)
    print(f"{kind}: {inside:.2f} levels of 255 inside the face")
    if any(f"the colours {WIDE_KINDS.get(kind)}" in warning for warning in done.warnings):
        assert inside > 1, "there was nothing to warn of"
    else:
        assert inside <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_timeline_shows_head_plate_and_footage_in_the_same_colours(addon, bpy, scene, footage_take, tmp_path, kind):
    take, known = footage_take(kind)
    addon.headless.bring_back(take, 1, exact_colours=True)
    below = addon.compat.strips(scene.sequence_editor).new_movie("footage", known["clip"], 1, 1, fit_method="ORIGINAL")
    for strip in addon.compat.strips(scene.sequence_editor):
        if strip.type == "IMAGE":
            strip.channel += 3
    assert below.channel == 1
    scene.frame_set(2)
    picture = render(scene, tmp_path / "a.png", sequencer=True)
    pictures = next(s for s in addon.compat.strips(scene.sequence_editor) if s.name.endswith("pictures"))
    if pictures.type != "IMAGE":
        pytest.skip("this Blender's sequencer reads no multilayer EXR")
    head, plate, footage = halves_and_footage(picture)
    errors = {"head and plate": mean_level_error(head, plate), "head and footage": mean_level_error(head, footage)}
    assert max(errors.values()) <= 1, errors


@pytest.mark.parametrize("kind", ["Display P3", "HLG ProRes"])
def test_the_artists_strip_of_converted_footage_is_read_by_its_own_space(addon, scene, footage_take, tmp_path, kind):
    take, known = footage_take(kind)
    collection = addon.compat.strips(addon.bridge.strips.editor_of(scene))
    below = collection.new_movie("footage", known["clip"], 1, 1, fit_method="ORIGINAL")
    other = collection.new_movie("other", footage_take("bt709")[1]["clip"], 2, 40, fit_method="ORIGINAL")
    spaces = {strip.name: strip.colorspace_settings.name for strip in (below, other)}
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=known["clip"])
    names = below.colorspace_settings.bl_rna.properties["name"].enum_items.keys()
    found = addon.bridge.colour.space_among(names, WIDE_KINDS[kind])
    assert below.colorspace_settings.name == (found or spaces["footage"])
    assert other.colorspace_settings.name == spaces["other"]
    brighter = [warning for warning in done.warnings if "1.02 stops brighter" in warning]
    assert len(brighter) == (1 if kind == "HLG ProRes" and found else 0)
    if kind == "Display P3":
        scene.frame_set(2)
        head, _, footage = halves_and_footage(render(scene, tmp_path / "a.png", sequencer=True))
        assert mean_level_error(head, footage) <= 1


def test_pictures_and_strips_are_read_by_the_takes_curve_even_if_blender_took_them_for_another(
    addon, bpy, scene, footage_take
):
    take, known = footage_take("bt709")
    addon.headless.bring_back(take, 1, footage=known["clip"])
    read = ("plate", "frames", "footage", "camera_background")
    items = {item["talker_role"]: item for item in bpy.data.images if item.get("talker_role") in read}
    strips = {strip["talker_role"]: strip for strip in addon.compat.strips(scene.sequence_editor)}
    items |= {f"strip of {role}": strip for role, strip in strips.items() if role != "sound"}
    assert len(items) == 6
    for item in items.values():
        item.colorspace_settings.name = "ACEScg"
    addon.headless.bring_back(take, 1, footage=known["clip"])
    linear = {"frames"} | {"strip of pictures"} & {k for k, s in items.items() if getattr(s, "type", "") == "IMAGE"}
    for name, item in items.items():
        expected = "Linear Rec.709" if name in linear else "sRGB"
        assert item.colorspace_settings.name == expected, name


@pytest.mark.parametrize(
    ("names", "transfer", "found"),
    [
        (("Linear Rec.709", "sRGB", "Rec.1886"), "srgb", "sRGB"),
        (("ACEScg", "Utility - sRGB - Texture"), "srgb", "Utility - sRGB - Texture"),
        (("ACEScg", "SRGB_TX"), "srgb", "SRGB_TX"),
        (("ACEScg", "lin_rec709"), "linear", "lin_rec709"),
        (("ACEScg", "Camera Rec.709"), "rec709", "Camera Rec.709"),
        (("sRGB", "Rec.2100-HLG"), "hlg-rec2020", "Rec.2100-HLG"),
        (("Rec.2020", "rec2100_pq_display"), "pq-rec2020", "rec2100_pq_display"),
        (("Rec.2020", "sRGB"), "srgb-rec2020", None),
        (("Linear Rec.709", "sRGB"), "rec709", None),
        (("Linear Rec.709", "sRGB"), "no such curve", None),
        ((), "srgb", None),
    ],
)
def test_a_space_is_found_by_any_name_that_it_is_known_by(addon, names, transfer, found):
    assert addon.bridge.colour.space_among(names, transfer) == found


def test_a_curve_that_was_asked_for_holds_for_plate_and_footage_too(addon, scene, footage_take, tmp_path):
    take, known = footage_take("bt709", "--input-colour", "bt1886")
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=known["clip"])
    assert not any("colour" in warning for warning in done.warnings)
    scene.frame_set(2)
    head, plate, footage = halves_and_footage(render(scene, tmp_path / "a.png", sequencer=False))
    assert mean_level_error(head, plate) < 0.1
    assert mean_level_error(head, footage) <= 1
    assert mean_level_error(head, np.array(known["stored"]) / 255) > 2, "a gamma of 2.4 is darker than sRGB"


def test_a_curve_that_blender_has_no_space_for_is_warned_of_once(addon, scene, footage_take):
    take, known = footage_take("bt709", "--input-colour", "rec709")
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=known["clip"])
    assert [w for w in done.warnings if "no space known for the curve rec709" in w] == [
        w for w in done.warnings if "colour configuration" in w
    ]
    assert sum("colour configuration" in warning for warning in done.warnings) == 1


# A studio's own OpenColorIO configuration -----------------------------------------------------------------------------

CONFIGURATION = """ocio_profile_version: 2
roles:
  {{scene_linear: "{linear}", default_float: "{linear}", default_byte: "{shown}", default_sequencer: "{shown}",
   color_picking: "{shown}", texture_paint: "{shown}", data: Non-Color, reference: "{linear}", default: "{linear}"}}
displays:
  Monitor:
    - !<View> {{name: Plain, colorspace: "{shown}"}}
active_displays: [Monitor]
active_views: [Plain]
colorspaces:
  - !<ColorSpace>
    name: "{linear}"
    isdata: false
  - !<ColorSpace>
    name: Non-Color
    isdata: true
  - !<ColorSpace>
    name: "{shown}"
    isdata: false
    from_scene_reference: !<ExponentWithLinearTransform> {{gamma: 2.4, offset: 0.055, direction: inverse}}
"""
HLG_SPACE = """\
  - !<ColorSpace>
    name: "{hlg}"
    isdata: false
    to_scene_reference: !<GroupTransform>
      children:
        - !<BuiltinTransform> {{style: DISPLAY - CIE-XYZ-D65_to_REC.2100-HLG-1000nit, direction: inverse}}
        - !<MatrixTransform> {{matrix: [3.2409699, -1.5373832, -0.4986108, 0, -0.9692436, 1.8759675, 0.0415551, 0,
            0.0556301, -0.2039770, 1.0569715, 0, 0, 0, 0, 1]}}
"""


@pytest.fixture
def in_configuration(bpy, tmp_path):
    """A function that brings a take back in a Blender of its own under a configuration with these names of spaces.

    Returns what configured_import.py found.
    """

    def run(
        take: Path, footage: str, linear: str, shown: str, hlg: str | None = None, background: str = "PLATE"
    ) -> dict:
        config = tmp_path / "config.ocio"
        space = "" if hlg is None else HLG_SPACE.format(hlg=hlg)
        config.write_text(CONFIGURATION.format(linear=linear, shown=shown) + space)
        script = Path(__file__).with_name("configured_import.py")
        arguments = [sys.executable, script, take, footage, tmp_path / "found.npz", background]
        environment = {**os.environ, "OCIO": str(config), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return dict(np.load(tmp_path / "found.npz"))

    return run


@pytest.mark.parametrize(
    ("linear", "shown", "is_known"),
    [("Linear Rec.709 (sRGB)", "sRGB - Texture", True), ("studio_light", "studio_video", False)],
    ids=["names of ACES", "names that nobody knows"],
)
def test_a_studios_configuration_is_used_by_its_own_names(footage_take, in_configuration, linear, shown, is_known):
    take, known = footage_take("bt709")
    found = in_configuration(take, known["clip"], linear, shown)
    assert set(found["spaces"]) <= {linear, shown}
    told = [warning for warning in found["warnings"] if "colour configuration has no space" in warning]
    assert len(told) == (0 if is_known else 2), found["warnings"]
    assert not found["has_exact_view"]
    head, plate, footage = halves_and_footage(found["picture"])
    assert mean_level_error(head, plate) < 0.1
    assert mean_level_error(head, footage) <= 1
    assert mean_level_error(head, np.array(known["stored"]) / 255) <= 1


@pytest.mark.parametrize(("hlg", "is_known"), [("Rec.2100-HLG - Display", True), (None, False), ("studio_hlg", False)])
def test_hdr_footage_is_as_bright_as_the_head_where_a_studios_configuration_knows_it(
    footage_take, in_configuration, hlg, is_known
):
    take, known = footage_take("HLG ProRes")
    found = in_configuration(take, known["clip"], "Linear Rec.709 (sRGB)", "sRGB - Texture", hlg)
    told = [warning for warning in found["warnings"] if "colour configuration has no space" in warning]
    assert len(told) == (0 if is_known else 1), found["warnings"]
    head, plate, footage = halves_and_footage(found["picture"])
    assert mean_level_error(head, plate) < 0.1
    assert mean_level_error(head, np.array(known["stored"]) / 255) <= 1
    assert (mean_level_error(head, footage) <= 1) == is_known
    assert is_known == ("Rec.2100-HLG - Display" in found["spaces"])


def test_inside_the_face_hlg_footage_is_what_the_head_shows_where_the_configuration_knows_it(
    footage_take, in_configuration
):
    take, known = footage_take("HLG ProRes", "--face")
    names = "Linear Rec.709 (sRGB)", "sRGB - Texture", "Rec.2100-HLG - Display", "FOOTAGE"
    shown = {
        name: in_configuration(folder, known["clip"], *names)["picture"]
        for name, folder in (("footage", take.with_name("headless")), ("head", take))
    }
    inside = difference_in_face(shown, take)
    print(f"HLG under a studio's configuration: {inside:.2f} levels of 255 inside the face")
    assert inside <= 1


def footage_nodes(addon):
    """The nodes that show the footage."""
    bpy = sys.modules["bpy"]
    image = image_of(addon, "footage")
    groups = bpy.data.node_groups
    return [node for group in groups for node in group.nodes if getattr(node, "image", None) == image]


def test_footage_is_shown_from_the_picture_from_which_it_was_used_and_not_where_it_was_turned(
    addon, scene, footage_take
):
    take, known = footage_take("bt709")
    manifest = take / "manifest.json"
    plain = json.loads(manifest.read_text())
    try:
        for first, turns in ((1, 0), (0, 2)):
            told = {**plain, "frames": {**plain["frames"], "footage_first": first, "footage_turns": turns}}
            manifest.write_text(json.dumps(told))
            done = addon.headless.bring_back(take, 1, footage=known["clip"])
            shown = footage_nodes(addon)
            assert any("left out of the background" in text for text in done.warnings) == bool(turns)
            assert [node.frame_offset for node in shown] == ([] if turns else [first])
    finally:
        manifest.write_text(json.dumps(plain))
