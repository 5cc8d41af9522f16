"""A render folder comes back into a scene: strips, camera, performance; again, undone, saved and opened."""

import dataclasses
import json
import shutil
from fractions import Fraction

import numpy as np
import pytest

from tests.bpy.picture import render

FRAME_START = 11
OWN_DATA = ("objects", "cameras", "actions", "node_groups", "images", "collections", "sounds")


@pytest.fixture(scope="module")
def take(make_take):
    return make_take()


@pytest.fixture
def strips(addon, scene):
    """The scene's strips by the last word of their names: pictures, plate, sound."""

    def find():
        return {strip.name.split()[-1]: strip for strip in addon.compat.strips(scene.sequence_editor)}

    return find


def counts(bpy):
    return {name: len(getattr(bpy.data, name)) for name in OWN_DATA}


# Timeline ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", ["25", "24000/1001", "30000/1001", "24", "60", "120"])
def test_strips_begin_and_end_with_the_line_at_any_frame_rate(addon, scene, strips, make_take, fps):
    take = make_take(f"at_{fps.replace('/', '_')}", "--fps", fps)
    done = addon.headless.bring_back(take, FRAME_START)
    assert addon.bridge.keys.scene_fps(scene) == Fraction(fps)
    assert (done.frame_start, done.frame_end) == (FRAME_START, FRAME_START + 11)
    for name, strip in strips().items():
        assert addon.compat.strip_range(strip) == (FRAME_START, FRAME_START + 12), name
    pictures = strips()["pictures"]
    if pictures.type == "IMAGE":
        assert [e.filename for e in pictures.elements] == [f"head.{n:06d}.exr" for n in range(1, 13)]
    assert ("sound" in strips()) == addon.compat.has_sound()


def test_a_part_of_a_line_lies_where_its_frames_belong(addon, scene, strips, make_take):
    brought = addon.headless.bring_back(make_take("part", "--pictures", "4:9"), FRAME_START)
    assert any("Only 6 of the line's 12 frames are rendered, the first of them 4" in text for text in brought.warnings)
    pictures = strips()["pictures"]
    if pictures.type == "IMAGE":
        assert addon.compat.strip_range(pictures) == (FRAME_START + 3, FRAME_START + 9)
        assert pictures.elements[0].filename == "head.000004.exr"
    assert addon.compat.strip_range(strips()["plate"]) == (FRAME_START, FRAME_START + 12)


def test_a_timeline_at_another_rate_shows_each_picture_at_its_time(addon, scene, strips, make_take):
    take = make_take("slow_scene", "--fps", "50")
    scene.render.fps, scene.render.fps_base = 25, 1.0
    done = addon.headless.bring_back(take, FRAME_START, match_scene=False)
    assert (done.frame_start, done.frame_end) == (FRAME_START, FRAME_START + 5)
    if strips()["pictures"].type == "IMAGE":
        assert [e.filename for e in strips()["pictures"].elements] == [f"head.{n:06d}.exr" for n in range(1, 13, 2)]
    assert any("50 frames a second" in warning for warning in done.warnings)
    controller = scene.objects[done.performance]
    key = next(addon.compat.fcurves(controller)).keyframe_points[3]
    assert key.co[0] == FRAME_START + 1.5


def test_the_timeline_shows_the_head_over_the_plate_in_exact_colours(addon, scene, strips, take, tmp_path):
    addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    if strips()["pictures"].type != "IMAGE":
        pytest.skip("this Blender's sequencer cannot read multilayer EXR")
    scene.frame_set(FRAME_START)
    picture = render(scene, tmp_path / "a.png", sequencer=True)
    known = json.loads((take / "known.json").read_text())
    np.testing.assert_allclose(
        picture[16:24, 46:58, :3], np.broadcast_to(known["head_display"], (8, 12, 3)), atol=0.004
    )
    for row, column in ((13, 44), (14, 43), (30, 50), (6, 36), (37, 67)):
        np.testing.assert_allclose(picture[row, column, :3], known["plate_display"], atol=0.004)
    np.testing.assert_allclose(picture[20, 35, :3], 0, atol=1e-4)


def test_strips_find_room_above_those_that_are_there(addon, bpy, scene, strips, take):
    editor = scene.sequence_editor_create()
    own = addon.compat.strips(editor).new_image("own", str(take / "head.000001.exr"), 1, FRAME_START + 5)
    addon.headless.bring_back(take, FRAME_START)
    assert own.channel == 1
    assert {name: strip.channel for name, strip in strips().items() if name in ("plate", "pictures")} == {
        "plate": 3,
        "pictures": 4,
    }


def test_a_line_that_is_heard_already_mutes_the_takes_sound(addon, scene, strips, take):
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    addon.compat.strips(scene.sequence_editor_create()).new_sound("my line", str(take / "audio.wav"), 1, FRAME_START)
    done = addon.headless.bring_back(take, FRAME_START)
    assert strips()["sound"].mute
    assert any("my line" in warning for warning in done.warnings)


@pytest.mark.parametrize(
    ("source", "is_muted"),
    [
        ("scene/Scene/strip/talk", True),
        ("scene/Scene/range/Scene_1-250", True),
        ("file/../line.wav", False),
        ("scene/Scene/strip/gone", False),
    ],
)
def test_a_take_is_muted_where_its_line_is_heard_already(addon, scene, strips, make_take, source, is_muted):
    """The strip begins elsewhere than the line, so that only the take's id can tell."""
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    take = make_take("said", "--id", source)
    collection = addon.compat.strips(scene.sequence_editor_create())
    talk = collection.new_sound("talk", str(take / "audio.wav"), 1, FRAME_START - 3)
    done = addon.headless.bring_back(take, FRAME_START, match_scene=False)
    assert strips()["sound"].mute == is_muted
    assert any("muted" in warning for warning in done.warnings) == is_muted
    talk.mute = True
    addon.headless.bring_back(take, FRAME_START, match_scene=False)
    assert not strips()["sound"].mute, "nobody else says the line now"


def test_matching_the_scene_never_shortens_it(addon, scene, take):
    scene.frame_start, scene.frame_end = 1, 900
    addon.headless.bring_back(take, FRAME_START, match_scene=True)
    assert (scene.frame_start, scene.frame_end) == (1, 900)
    addon.headless.bring_back(take, 1200, match_scene=True)
    assert (scene.frame_start, scene.frame_end) == (1, 1211)


def test_the_pictures_are_where_the_artist_wants_them(addon, scene, strips, take):
    settings = scene.talker

    def bring(where):
        settings.pictures = where
        addon.headless._bring_back(scene, take, FRAME_START, addon.bridge.bring_back.options_of(settings))
        shown = {name for name in strips() if name in ("pictures", "plate")}
        tree = addon.compat.compositor_tree(scene)
        has_node = tree is not None and any(node.bl_idname == "CompositorNodeGroup" for node in tree.nodes)
        return bool(shown), has_node, addon.bridge.strips.shows_pictures(scene)

    assert bring("BOTH") == (True, True, True)
    assert bring("COMPOSITOR") == (False, True, False)
    assert bring("TIMELINE") == (True, False, True)


# Camera and performance --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moving_head", [False, True])
def test_points_of_the_head_project_where_the_tracker_saw_them(addon, bpy, scene, take, moving_head):
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    done = addon.headless.bring_back(take, FRAME_START, moving_head=moving_head)
    camera, head = scene.objects[done.camera], scene.objects[done.head]
    poses = json.loads((take / "known.json").read_text())["camera_from_head"]
    description = json.loads((take / "camera.json").read_text())
    crop_x, crop_y, crop_width, _ = description["crop"]
    scale = crop_width / description["width"]
    for index in (0, 5, 11):
        scene.frame_set(FRAME_START + index)
        for x, y, z in ((0, 0, 0), (6, -4, 3), (-5, 7, -6)):
            in_camera = np.array(poses[index]) @ (x, y, z, 1)
            px = description["fx"] * in_camera[0] / in_camera[2] + description["cx"]
            py = description["fy"] * in_camera[1] / in_camera[2] + description["cy"]
            seen = world_to_camera_view(scene, camera, head.matrix_world @ Vector((0.01 * x, -0.01 * z, 0.01 * y)))
            assert seen.x * 80 == pytest.approx(crop_x + scale * px, abs=1e-3)
            assert (1 - seen.y) * 48 == pytest.approx(crop_y + scale * py, abs=1e-3)
            assert seen.z == pytest.approx(0.01 * in_camera[2], abs=1e-6)


@pytest.mark.parametrize(
    ("footage", "crop", "scale", "offset"),
    [((80, 48), (36, 6), 32 / 48, (12 / 80, 2 / 80)), ((48, 80), (12, 30), 32 / 48, (4 / 28.8, -6 / 28.8))],
    ids=["landscape", "portrait"],
)
def test_the_camera_shows_the_take_where_the_crop_is(addon, bpy, scene, make_take, footage, crop, scale, offset):
    """Numbers as measured in a real window: offsets count in the picture's size times the frame's shape."""
    options = ("--footage", *map(str, footage), "--crop", *map(str, crop), "32", "32")
    done = addon.headless.bring_back(make_take(f"shape_{footage[0]}", *options), FRAME_START)
    camera = scene.objects[done.camera].data
    assert camera.show_background_images and len(camera.background_images) == 1
    background = camera.background_images[0]
    assert background.image_user.frame_start == FRAME_START
    if tuple(background.image.size) != (32, 32):
        pytest.skip("this Blender cannot read movies")
    assert background.scale == pytest.approx(scale)
    assert tuple(background.offset) == pytest.approx(offset)


def test_the_scene_is_seen_through_the_takes_camera_and_what_hides_the_head_is_named(addon, bpy, scene, take):
    bpy.ops.mesh.primitive_cube_add()
    own = bpy.data.objects.new("own camera", bpy.data.cameras.new("own camera"))
    scene.collection.objects.link(own)
    scene.camera = own
    done = addon.headless.bring_back(take, FRAME_START)
    assert scene.camera.name == done.camera
    assert any("own camera, the camera before, is still there" in warning for warning in done.warnings)
    assert any("Cube stands around the take's camera" in warning for warning in done.warnings)
    bpy.data.objects["Cube"].location.x = 3
    bpy.context.view_layer.update()
    again = addon.headless.bring_back(take, FRAME_START)
    assert not any("camera" in warning for warning in again.warnings)


def test_an_artists_camera_stays_where_that_is_wanted(addon, bpy, scene, take):
    own = bpy.data.objects.new("own camera", bpy.data.cameras.new("own camera"))
    scene.camera = own
    addon.headless.bring_back(take, FRAME_START, active_camera=False)
    assert scene.camera == own


def test_only_what_moves_has_keys(addon, bpy, scene, take):
    done = addon.headless.bring_back(take, FRAME_START, moving_head=True)
    assert not list(addon.compat.fcurves(scene.objects[done.camera]))
    assert len(list(addon.compat.fcurves(scene.objects[done.head]))) == 7
    addon.headless.bring_back(take, FRAME_START, moving_head=False)
    assert len(list(addon.compat.fcurves(scene.objects[done.camera]))) == 7
    assert not list(addon.compat.fcurves(scene.objects[done.head]))
    assert scene.objects[done.head].matrix_world.translation.length == 0


def test_an_object_of_the_scene_gives_poses_to_render_with(addon, scene, take, tmp_path):
    done = addon.headless.bring_back(take, FRAME_START)
    head, camera = scene.objects[done.head], scene.objects[done.camera]
    scene.frame_set(FRAME_START + 3)
    written = addon.bridge.scene_camera.poses(scene, head, camera, FRAME_START, 12)
    delivered = json.loads((take / "camera.json").read_text())
    np.testing.assert_allclose(written["camera_to_world"], delivered["camera_to_world"], atol=1e-6)
    assert written["fps"] == delivered["fps"]
    assert scene.frame_current == FRAME_START + 3


def test_f_curves_are_the_performance_and_export_it_again(addon, bpy, scene, take, tmp_path):
    done = addon.headless.bring_back(take, FRAME_START)
    performance = json.loads((take / "performance.json").read_text())
    controller = scene.objects[done.performance]
    by_path = {curve.data_path: curve for curve in addon.compat.fcurves(controller)}
    assert set(by_path) == {f'["{name}"]' for name in performance["curves"]}
    groups = {path: curve.group.name for path, curve in by_path.items()}
    assert groups == {'["jawOpen"]': "Jaw", '["mouthClose"]': "Mouth", '["eyeBlinkLeft"]': "Eye"}
    for name, values in performance["curves"].items():
        points = by_path[f'["{name}"]'].keyframe_points
        assert [point.co[0] for point in points] == list(range(FRAME_START, FRAME_START + 12))
        np.testing.assert_allclose([point.co[1] for point in points], values, atol=1e-6)
        scene.frame_set(FRAME_START + 4)
        assert controller[name] == pytest.approx(values[4], abs=1e-6)
    bpy.ops.talker.export_performance(filepath=str(tmp_path / "out.json"))
    exported = json.loads((tmp_path / "out.json").read_text())
    assert exported["fps"] == performance["fps"] and list(exported["curves"]) == list(performance["curves"])
    np.testing.assert_allclose(exported["curves"]["jawOpen"], performance["curves"]["jawOpen"], atol=1e-6)


def test_an_artists_edit_is_exported(addon, bpy, scene, take, tmp_path):
    done = addon.headless.bring_back(take, FRAME_START)
    controller = scene.objects[done.performance]
    jaw = next(c for c in addon.compat.fcurves(controller) if c.data_path == '["jawOpen"]')
    jaw.keyframe_points[2].co[1] = 0.9
    jaw.update()
    blink = next(c for c in addon.compat.fcurves(controller) if c.data_path == '["eyeBlinkLeft"]')
    addon.compat.remove_fcurve(controller, blink)
    controller["eyeBlinkLeft"] = 0.25
    curves = addon.bridge.curves.read(scene, controller)[1]
    assert curves["jawOpen"][2] == pytest.approx(0.9)
    assert curves["eyeBlinkLeft"] == [0.25] * 12


# Again, undone, saved ----------------------------------------------------------------------------------------------


def test_bringing_a_take_back_again_brings_it_up_to_date_without_doubles(addon, bpy, scene, take):
    first = addon.headless.bring_back(take, FRAME_START)
    before = counts(bpy), [strip.name for strip in addon.compat.all_strips(scene.sequence_editor)]
    scene.objects[first.performance].constraints.new("COPY_LOCATION").target = scene.objects[first.head]
    second = addon.headless.bring_back(take, FRAME_START + 30)
    assert (counts(bpy), [strip.name for strip in addon.compat.all_strips(scene.sequence_editor)]) == before
    assert (second.camera, second.head, second.performance) == (first.camera, first.head, first.performance)
    assert scene.objects[first.performance].constraints[0].target == scene.objects[first.head]
    assert second.frame_start == first.frame_start + 30
    for strip in addon.compat.strips(scene.sequence_editor):
        assert addon.compat.strip_range(strip) == (FRAME_START + 30, FRAME_START + 42)
    controller = scene.objects[second.performance]
    for curve in addon.compat.fcurves(controller):
        assert [point.co[0] for point in curve.keyframe_points] == list(range(FRAME_START + 30, FRAME_START + 42))
    tree = addon.compat.compositor_tree(scene)
    assert sum(node.bl_idname == "CompositorNodeGroup" for node in tree.nodes) == 1


def test_one_undo_takes_everything_back(addon, bpy, scene, take):
    bpy.context.preferences.edit.use_global_undo = True
    scene.talker.take, scene.talker.take_frame = str(take), FRAME_START
    before = counts(bpy)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.talker.bring_back() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="brought back")
    assert counts(bpy) != before
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert counts(bpy) == before
    assert scene.sequence_editor is None or not len(addon.compat.strips(scene.sequence_editor))
    assert addon.compat.compositor_tree(scene) is None
    assert bpy.ops.talker.bring_back() == {"FINISHED"}


def test_a_saved_file_opens_with_the_take_in_it(addon, bpy, scene, take, tmp_path):
    done = addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    path = addon.headless.save(tmp_path / "shot" / "a.blend")
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene = bpy.context.scene
    assert scene.talker.take == str(take) and scene.talker.take_frame == FRAME_START
    assert scene.camera.name == done.camera
    scene.frame_set(FRAME_START)
    picture = render(scene, tmp_path / "a.png", sequencer=False)
    known = json.loads((take / "known.json").read_text())
    np.testing.assert_allclose(picture[18, 50, :3], known["head_display"], atol=0.004)
    before = counts(bpy)
    addon.headless.bring_back(take, FRAME_START)
    assert counts(bpy) == before


# What cannot be brought back ---------------------------------------------------------------------------------------


def test_the_view_transform_is_never_changed_unasked(addon, scene, take):
    scene.view_settings.view_transform = "AgX"
    done = addon.headless.bring_back(take, FRAME_START)
    assert scene.view_settings.view_transform == "AgX"
    assert any("AgX" in warning for warning in done.warnings)


def test_one_click_makes_colours_exact(addon, bpy, scene, take):
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.exposure = 1.0
    bpy.ops.talker.exact_colours()
    assert addon.bridge.colour.warning(scene) == ""
    assert scene.view_settings.view_transform == "Standard"


def test_a_folder_that_is_no_render_is_refused_in_words_and_leaves_nothing(addon, bpy, scene, tmp_path):
    before = counts(bpy)
    with pytest.raises(RuntimeError, match=r"not a rendered line.*Choose a line's folder"):
        bpy.ops.talker.bring_back(folder=str(tmp_path))
    assert counts(bpy) == before


def test_a_missing_frame_is_named(addon, scene, make_take):
    take = make_take("hole")
    (take / "head.000005.exr").unlink()
    with pytest.raises(addon.bridge.strips.InputError, match="Frame 5 is missing"):
        addon.headless.bring_back(take)


@pytest.mark.parametrize("damage", ["{", "[]", '{"fps": "25/1"}', '{"fps": "0/1"}'])
def test_a_damaged_camera_file_is_refused(addon, scene, make_take, damage):
    take = make_take(f"damaged_{abs(hash(damage))}")
    (take / "camera.json").write_text(damage)
    with pytest.raises(addon.bridge.strips.InputError, match="Render the line again"):
        addon.headless.bring_back(take)


def test_a_take_with_only_a_movie_lies_on_the_timeline(addon, scene, strips, make_take):
    take = make_take("movie_only")
    for path in take.glob("head.*.exr"):
        path.unlink()
    addon.headless.bring_back(take, FRAME_START)
    first = addon.headless.bring_back(take, FRAME_START)
    assert strips()["pictures"].type == "MOVIE"
    assert addon.compat.strip_range(strips()["pictures"]) == (FRAME_START, FRAME_START + 12)
    assert any("no frames, only a movie" in warning for warning in first.warnings)


@pytest.mark.parametrize(
    "manifest",
    [
        {"schema": 3, "subject": "0" * 16, "subject_folder": "../anna"},
        {"schema": 2, "subject": "{place}/anna"},
    ],
)
def test_the_plate_is_found_where_the_manifest_says_that_the_subject_lies(addon, take, tmp_path, manifest):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "background.png").write_bytes(b"")
    told = {name: str(value).replace("{place}", str(tmp_path)) for name, value in manifest.items()}
    shutil.copytree(take, tmp_path / "take")
    moved = addon.bridge.take.Take.open(tmp_path / "take")
    find = addon.bridge.plate.find
    assert find(dataclasses.replace(moved, manifest=told), None).path == (tmp_path / "anna/background.png").resolve()
    assert find(dataclasses.replace(moved, manifest={"subject": "0" * 16}), None) is None
