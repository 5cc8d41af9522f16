"""What was brought back goes out: a timeline for editing, camera, head and curves as USD and Alembic."""

from __future__ import annotations

import importlib
import json
from fractions import Fraction

import numpy as np
import pytest

FRAME_START, FRAMES = 11, 12
WIDTH, HEIGHT = 1920, 1080
POINTS_M = [(0, 0, 0), (0.08, 0.02, 0.09), (-0.09, -0.05, -0.08), (0.03, -0.1, 0.06), (-0.05, 0.04, 0.02)]
"""On and about a head."""
ENDINGS = (".usda", ".usdc", ".usd", ".abc")
MOST_PX = 1e-4
"""How far a camera that is read again may be from the one that was written."""
ROUNDED_PX = 1e-3
"""The same, where the reader makes angles of its pose, or Alembic's axes its own: single precision at 1920 px."""


@pytest.fixture(scope="module")
def take(make_take):
    return make_take(
        "hd", "--footage", str(WIDTH), str(HEIGHT), "--crop", "420", "0", "1080", "1080", "--size", "32", "--id", "anna"
    )


def counts(bpy):
    kinds = ("scenes", "objects", "meshes", "actions", "cameras", "collections", "shape_keys")
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds}


def projected(bpy, scene, camera, frame):
    """(N, 2) px of the points by a camera's pose and lens, in float64."""
    scene.frame_set(frame)
    seen = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
    pose, data = np.linalg.inv(np.array(seen.matrix_world, np.float64)), seen.data
    points = np.concatenate([np.array(POINTS_M), np.ones((len(POINTS_M), 1))], axis=1) @ pose.T
    side = data.lens / data.sensor_width * WIDTH
    x = WIDTH * (0.5 - data.shift_x) + side * points[:, 0] / -points[:, 2]
    y = HEIGHT / 2 + WIDTH * data.shift_y - side * points[:, 1] / -points[:, 2]
    return np.stack([x, y], axis=1)


def read_again(bpy, path):
    """What importing a file adds, by kind."""
    before = set(bpy.data.objects)
    if path.suffix == ".abc":
        bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)
    else:
        bpy.ops.wm.usd_import(filepath=str(path))
    return sorted(set(bpy.data.objects) - before, key=lambda item: item.name)


@pytest.mark.parametrize("moving_head", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_camera_that_is_read_again_shows_the_same(addon, bpy, scene, take, tmp_path, ending, moving_head):
    done = addon.headless.bring_back(take, FRAME_START, moving_head=moving_head)
    scene.frame_start, scene.frame_end = FRAME_START, FRAME_START + FRAMES - 1
    camera, head = scene.objects[done.camera], scene.objects[done.head]
    before, frame, kept = counts(bpy), scene.frame_current, bpy.context.selected_objects
    path = addon.headless.export(tmp_path / f"head{ending}", take)
    assert [item.name for item in tmp_path.iterdir()] == [f"head{ending}"]
    assert counts(bpy) == before and scene.frame_current == frame and bpy.context.selected_objects == kept
    made = read_again(bpy, path)
    again = next(item for item in made if item.type == "CAMERA")
    head_again = next(item for item in made if item.type == "EMPTY" and "Head" in item.name)
    frames = range(FRAME_START, FRAME_START + FRAMES, 2)
    apart = [
        np.abs(projected(bpy, scene, again, frame) - projected(bpy, scene, camera, frame)).max() for frame in frames
    ]
    print(f"{ending}, moving head {moving_head}: {max(apart):.1e} px")
    # Blender gives a camera that moves the file's own matrices, and one that stands still angles.
    assert max(apart) < (ROUNDED_PX if ending == ".abc" or moving_head else MOST_PX)
    for frame in frames:
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        difference = np.array(head_again.evaluated_get(graph).matrix_world) - np.array(
            head.evaluated_get(graph).matrix_world
        )
        assert np.abs(difference).max() < 2e-6


@pytest.mark.parametrize("moving_head", [False, True])
def test_usds_own_library_finds_the_camera_where_it_is(addon, bpy, scene, take, tmp_path, moving_head):
    if not hasattr(bpy.utils, "expose_bundled_modules"):
        pytest.skip("this Blender does not hand out its USD library")
    bpy.utils.expose_bundled_modules()
    usd = pytest.importorskip("pxr.Usd", reason="this Blender comes without USD's Python library")
    geometry = importlib.import_module("pxr.UsdGeom")
    done = addon.headless.bring_back(take, FRAME_START, moving_head=moving_head)
    scene.frame_start, scene.frame_end = FRAME_START, FRAME_START + FRAMES - 1
    stage = usd.Stage.Open(str(addon.headless.export(tmp_path / "head.usdc", take)))
    assert (stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (25, 11, 22)
    assert (geometry.GetStageUpAxis(stage), geometry.GetStageMetersPerUnit(stage)) == ("Z", 1)
    prim = next(prim for prim in stage.Traverse() if prim.IsA(geometry.Camera))
    for frame in range(FRAME_START, FRAME_START + FRAMES):
        pose = np.linalg.inv(np.array(geometry.XformCache(frame).GetLocalToWorldTransform(prim)).T)
        lens = geometry.Camera(prim).GetCamera(frame)
        points = np.concatenate([np.array(POINTS_M), np.ones((len(POINTS_M), 1))], axis=1) @ pose.T
        scale = WIDTH / lens.horizontalAperture
        x = WIDTH / 2 + scale * (lens.focalLength * points[:, 0] / -points[:, 2] - lens.horizontalApertureOffset)
        y = HEIGHT / 2 - scale * (lens.focalLength * points[:, 1] / -points[:, 2] - lens.verticalApertureOffset)
        apart = np.abs(np.stack([x, y], axis=1) - projected(bpy, scene, scene.objects[done.camera], frame)).max()
        assert apart < MOST_PX


def test_usd_has_the_curves_as_they_are_edited_as_blend_shapes(addon, bpy, scene, take, tmp_path):
    done = addon.headless.bring_back(take, FRAME_START)
    scene.frame_start, scene.frame_end = FRAME_START, FRAME_START + FRAMES - 1
    controller = scene.objects[done.performance]
    jaw = next(curve for curve in addon.compat.fcurves(controller) if curve.data_path == '["jawOpen"]')
    jaw.keyframe_points[2].co[1] = 0.9
    jaw.update()
    wanted = addon.bridge.curves.read(scene, controller)[1]
    triangle = next(
        item for item in read_again(bpy, addon.headless.export(tmp_path / "a.usdc", take)) if item.type == "MESH"
    )
    blocks = triangle.data.shape_keys.key_blocks
    assert {block.name for block in blocks} - {"Basis"} == set(wanted)
    for index in range(FRAMES):
        scene.frame_set(FRAME_START + index)
        for name, values in wanted.items():
            assert blocks[name].value == pytest.approx(values[index], abs=1e-6)


def test_the_timeline_names_each_takes_frames_and_sound_where_they_lie(addon, bpy, scene, make_take, tmp_path):
    first, second = make_take("first", "--id", "a"), make_take("second", "--pictures", "4:9", "--id", "b")
    addon.headless.bring_back(first, FRAME_START)
    addon.headless.bring_back(second, FRAME_START + 6, match_scene=False)
    scene.frame_start = 5
    path = addon.headless.export(tmp_path / "edit" / "scene.otio")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["global_start_time"]["value"] == 5
    tracks = {track["name"]: track for track in told["tracks"]["children"]}
    assert [track["kind"] for track in told["tracks"]["children"]].count("Video") == 2, "the pictures lie over another"
    where = {}
    for track in tracks.values():
        at = 0
        for child in track["children"]:
            length = child["source_range"]["duration"]["value"]
            if child["OTIO_SCHEMA"] == "Clip.2":
                where[child["name"], track["kind"]] = (at, length, child["source_range"]["start_time"]["value"], child)
            at += length
    at, length, source, clip = where["first", "Video"]
    assert (at, length, source) == (FRAME_START - 5, FRAMES, 0)
    at, length, source, clip = where["second", "Video"]
    assert (at, length) == (FRAME_START + 6 + 3 - 5, 6), "frame 4 of the line is its first picture"
    media = clip["media_references"]["DEFAULT_MEDIA"]
    if media["OTIO_SCHEMA"] == "ImageSequenceReference.1":
        assert media["start_frame"] == 4 and source == 3
        named = f"{media['name_prefix']}{4:06d}{media['name_suffix']}"
        assert (path.parent / media["target_url_base"] / named).resolve() == second / "head.000004.exr"
    if addon.compat.has_sound():
        assert where["second", "Audio"][:3] == (FRAME_START + 6 - 5, FRAMES, 0)


def test_a_strip_that_was_cut_shows_what_it_shows_on_the_timeline(addon, bpy, scene, take, tmp_path):
    addon.headless.bring_back(take, FRAME_START)
    strips = addon.compat.strips(scene.sequence_editor)
    pictures = next(strip for strip in strips if strip.name.endswith("pictures"))
    pictures.frame_final_start = FRAME_START + 4
    told = json.loads(addon.headless.export(tmp_path / "scene.otio").read_text(encoding="utf-8"))
    video = next(track for track in told["tracks"]["children"] if track["kind"] == "Video")
    clip = next(child for child in video["children"] if child["OTIO_SCHEMA"] == "Clip.2")
    assert clip["source_range"]["start_time"]["value"] == 4 and clip["source_range"]["duration"]["value"] == FRAMES - 4


def test_a_script_does_not_write_over_a_timeline_that_was_edited_since(addon, scene, take, tmp_path):
    addon.headless.bring_back(take, FRAME_START)
    path = addon.headless.export(tmp_path / "scene.otio")
    addon.headless.export(path)  # as it was written: it may be replaced
    edited = path.read_text(encoding="utf-8").replace('"Head"', '"Anna"')
    path.write_text(edited, encoding="utf-8")
    with pytest.raises(addon.shared.errors.InputError, match="was edited since"):
        addon.headless.export(path)
    assert path.read_text(encoding="utf-8") == edited


def test_what_cannot_be_exported_is_said(addon, bpy, scene, take, tmp_path):
    errors = (addon.shared.errors.InputError,)
    with pytest.raises(errors, match="no take on the timeline"):
        addon.headless.export(tmp_path / "a.otio")
    with pytest.raises(errors, match="Nothing of .* is in this file"):
        addon.headless.export(tmp_path / "a.usd", take)
    addon.headless.bring_back(take, FRAME_START)
    with pytest.raises(errors, match="Nothing is known of files that end with '.fbx'"):
        addon.headless.export(tmp_path / "a.fbx", take)
    (tmp_path / "file").write_text("")
    with pytest.raises(addon.shared.errors.TalkerError, match="file"):
        addon.headless.export(tmp_path / "file" / "a.usd", take)


def test_the_command_and_the_operators_write_the_same(addon, bpy, scene, take, tmp_path, capfd):
    addon.headless.bring_back(take, FRAME_START)
    assert addon.scripting.command.execute(["export", str(tmp_path / "a.usda"), "--take", str(take)]) == 0
    assert "Saved" in capfd.readouterr().out
    assert bpy.ops.talker.export_camera(filepath=str(tmp_path / "b.usda")) == {"FINISHED"}
    assert bpy.ops.talker.export_timeline(filepath=str(tmp_path / "b.otio")) == {"FINISHED"}
    assert (tmp_path / "a.usda").stat().st_size == pytest.approx((tmp_path / "b.usda").stat().st_size, rel=0.01)
    assert Fraction(json.loads((tmp_path / "b.otio").read_text())["global_start_time"]["rate"]) == 25
    assert addon.scripting.command.execute(["export", str(tmp_path / "a.fbx"), "--take", str(take)]) == 2
