"""Direction in Blender: what is keyed on a bone reaches the render in exactly that frame, wherever the line lies."""

import json
import math
import wave

import pytest

from tests.bpy.recorder import Recorder
from tests.bpy.trimming import trim

FRAMES = 20


@pytest.fixture
def line(addon, scene, tmp_path):
    """The scene with a line of 20 frames, from frame 11 on, and an output folder; the line is a strip, or in a
    Blender without sound a file."""
    scene.render.fps = 25
    with wave.open(str(tmp_path / "talk.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000 * FRAMES // 25))
    settings = scene.talker
    settings.subject, settings.output = str(tmp_path / "subject"), str(tmp_path / "lines")
    if addon.compat.has_sound():
        addon.compat.strips(scene.sequence_editor_create()).new_sound("line", str(tmp_path / "talk.wav"), 1, 11)
        settings.line_strip = "line"
    else:
        settings.line_source, settings.line_file, settings.line_frame = "FILE", str(tmp_path / "talk.wav"), 11
    return scene


@pytest.fixture
def strips(addon, line):
    """The timeline's strips."""
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    return addon.compat.strips(line.sequence_editor)


@pytest.fixture
def rig(bpy, line):
    assert bpy.ops.talker.direct_line() == {"FINISHED"}
    return bpy.context.object


@pytest.fixture
def controls(addon, line):
    """A function that tells the controls that a render is asked for, or None."""

    def read():
        request = addon.jobs.steps.read_render(line)
        if "direction" not in request.arguments:
            return None
        request.write_files()
        with open(request.arguments["direction"]) as file:
            values = json.load(file)
        assert values["fps"] == "25/1"
        return values["controls"]

    return read


def channel(addon, control):
    return next(c for c in addon.bridge.direction_rig.channels() if c.control == control)


def key(addon, rig, control, frame, value):
    """Key a control as an artist does: the bone is moved, and keyed in its frame."""
    one = channel(addon, control)
    bone = rig.pose.bones[one.bone]
    getattr(bone, one.kind)[one.index] = value / one.factor
    assert rig.keyframe_insert(one.data_path, index=one.index, frame=frame, group=one.bone)


def only(addon, rig, control, frame, value):
    """Key a control in one frame alone: 0 before and behind it."""
    for at in (frame - 1, frame + 1):
        key(addon, rig, control, at, 0.0)
    key(addon, rig, control, frame, value)
    getattr(rig.pose.bones[channel(addon, control).bone], channel(addon, control).kind)[:] = (0, 0, 0)


def test_every_control_has_a_bone_with_its_limits_at_its_place(addon, rig):
    table = addon.bridge.direction_rig.BY_NAME
    channels = addon.bridge.direction_rig.channels()
    assert sorted(c.control for c in channels) == sorted(table) and len({c.bone for c in channels}) == 11
    for one in channels:
        bone, control = rig.pose.bones[one.bone], table[one.control]
        limit = bone.constraints[0]
        ends = sorted(getattr(limit, f"{end}_{'xyz'[one.index]}") * one.factor for end in ("min", "max"))
        assert ends == pytest.approx([control.low, control.high], abs=1e-4)
        assert limit.use_transform_limit and bone.custom_shape is not None
        lock = bone.lock_rotation if one.kind == "rotation_euler" else bone.lock_location
        assert not lock[one.index] and one.now(rig) == 0.0
    assert rig.mode == "POSE", "it can be posed at once"
    assert {group.name for group in rig.data.collections if group.bones} == {"Mouth", "Eyes", "Head"}


@pytest.mark.parametrize("control", ["jaw", "lipsWide", "lipsRound", "smile", "brows", "blink", "gazeSide", "gazeUp"])
@pytest.mark.parametrize("value", [0.5, -1.0])
def test_a_control_keyed_in_a_frame_reaches_the_render_in_that_frame_alone(addon, rig, controls, control, value):
    assert controls() is None, "nothing is keyed"
    only(addon, rig, control, 15, value)
    wanted = [0.0] * FRAMES
    wanted[4] = value
    assert controls() == {control: pytest.approx(wanted, abs=1e-6)}


@pytest.mark.parametrize(("control", "value"), [("turn", 20.0), ("nod", -10.0), ("tilt", 5.0), ("still", 1.0)])
def test_head_controls_are_degrees_and_shares(addon, rig, controls, control, value):
    only(addon, rig, control, 30, value)
    assert controls()[control] == pytest.approx([0.0] * (FRAMES - 1) + [value], abs=1e-4)


def rows(matrix):
    return [value for row in matrix for value in row]


def test_the_bone_turns_as_the_head_will(addon, bpy, rig):
    """Turn outermost, tilt innermost, in the head's own axes (backend/performance/direction.py)."""
    import mathutils

    bone = rig.pose.bones["Head"]
    for control, value in (("turn", 20.0), ("nod", -10.0), ("tilt", 5.0)):
        one = channel(addon, control)
        bone.rotation_euler[one.index] = value / one.factor
    bpy.context.view_layer.update()
    about = [mathutils.Matrix.Rotation(math.radians(a), 3, x) for a, x in ((20, "Y"), (-10, "X"), (-5, "Z"))]
    wanted = about[0] @ about[1] @ about[2]
    assert rows(bone.matrix_basis.to_3x3()) == pytest.approx(rows(wanted), abs=1e-5)
    rest = rig.data.bones["Head"].matrix_local.to_3x3()
    head_from_world = mathutils.Matrix(((1, 0, 0), (0, 0, 1), (0, -1, 0)))
    assert rows(rest) == pytest.approx(rows(head_from_world.inverted()), abs=1e-5)


def test_a_bone_that_is_moved_without_a_key_counts_in_every_frame_within_its_limits(rig, controls):
    rig.pose.bones["Smile"].location[1] = 7.0
    assert controls() == {"smile": [1.0] * FRAMES}


def test_keys_go_along_with_a_line_that_is_moved_and_stay_with_its_words_when_it_is_trimmed(
    addon, bpy, line, strips, rig, controls, make_take
):
    strip = addon.compat.all_strips(line.sequence_editor)["line"]
    only(addon, rig, "smile", 15, 0.5)
    before = controls()
    addon.compat.set_strip_content_start(strip, 61)
    assert controls() == before
    trim(strip, 3, 0)
    assert controls() == {"smile": before["smile"][3:]}
    take = make_take("line", "--id", addon.shared.take_ids.public_id("scene/Scene/strip/line"))
    addon.headless.bring_back(take, 64, scene=line, match_scene=False)
    assert [point.co.x for point in next(iter(addon.compat.fcurves(rig))).keyframe_points] == [64.0, 65.0, 66.0]
    assert controls() == {"smile": before["smile"][3:]}
    assert rig.parent.name.startswith("Talker Head")


def test_keys_go_along_with_a_line_that_is_no_strip(addon, line, controls, bpy, tmp_path):
    line.talker.line_source, line.talker.line_file, line.talker.line_frame = "FILE", str(tmp_path / "talk.wav"), 11
    bpy.ops.talker.direct_line()
    rig = bpy.context.object
    only(addon, rig, "smile", 15, 0.5)
    before = controls()
    line.talker.line_frame = 51
    assert controls() == before and before["smile"][4] == 0.5
    addon.bridge.direction.follow(line, rig, 51)
    assert [point.co.x for point in next(iter(addon.compat.fcurves(rig))).keyframe_points] == [54.0, 55.0, 56.0]
    assert controls() == before


def test_layers_and_drivers_are_seen_as_blender_makes_them(addon, bpy, line, rig, controls):
    only(addon, rig, "smile", 15, 0.5)
    track = rig.animation_data.nla_tracks.new()
    track.strips.new("smile", 14, rig.animation_data.action)
    rig.animation_data.action = None
    rig.pose.bones["Jaw"].driver_add("location", 1).driver.expression = "0.25"
    line.frame_set(12)
    found = controls()
    assert found["smile"][4] == pytest.approx(0.5, abs=1e-5) and found["smile"][3] == pytest.approx(0, abs=1e-5)
    assert found["jaw"] == pytest.approx([0.25] * FRAMES)
    assert line.frame_current == 12


def test_at_a_moment_the_rig_says_what_is_seen_dragged_or_keyed_and_elsewhere_what_is_keyed(addon, line, rig):
    read = addon.bridge.direction.at
    only(addon, rig, "smile", 15, 0.5)
    line.frame_set(12)
    assert read(line, rig, 12) == {} and read(line, rig, 15) == {"smile": pytest.approx(0.5)}
    rig.pose.bones["Smile"].location[1] = 0.3
    assert read(line, rig, 12) == {"smile": pytest.approx(0.3)}, "it is just being dragged"
    assert read(line, rig, 11) == {}


def test_direction_that_is_switched_off_is_left_out(addon, line, rig, controls):
    only(addon, rig, "smile", 15, 0.5)
    line.talker.use_direction = False
    assert controls() is None


def test_a_second_press_selects_the_rig_that_is_there_and_other_lines_have_their_own(
    addon, bpy, line, strips, rig, tmp_path
):
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.talker.direct_line() == {"FINISHED"} and bpy.context.object == rig
    strips.new_sound("other", str(tmp_path / "talk.wav"), 2, 11)
    line.talker.line_strip = "other"
    assert bpy.ops.talker.direct_line() == {"FINISHED"} and bpy.context.object != rig
    shapes = {bone.custom_shape.name for item in (rig, bpy.context.object) for bone in item.pose.bones}
    assert len(shapes) == 4, "both are drawn by the same shapes"


def test_every_flat_shape_faces_the_viewer_and_has_its_groups_colour(rig, bpy):
    for bone in rig.pose.bones:
        faces = bone.bone.matrix_local.to_3x3().col[2]
        assert bone.name == "Head" or faces.y < -0.99, bone.name
        assert bone.color.palette.startswith("THEME") and bone.custom_shape_wire_width > 1


def test_the_controls_are_drawn_over_the_live_picture_where_they_are_posed(addon, bpy, rig):
    controls = __import__(f"{addon.__name__}.bridge.live_controls", fromlist=["wires"])
    bpy.ops.object.mode_set(mode="OBJECT")
    assert controls.wires(bpy.context) == []
    bpy.ops.object.mode_set(mode="POSE")
    before = {wire.bone: wire for wire in controls.wires(bpy.context)}
    assert set(before) == {bone.name for bone in rig.pose.bones}
    bone = rig.pose.bones["Smile"]
    bone.location[1] = 1.0
    bpy.context.view_layer.update()
    after = {wire.bone: wire for wire in controls.wires(bpy.context)}
    moved = [b - a for a, b in zip(before["Smile"].lines[0], after["Smile"].lines[0], strict=True)]
    assert moved == pytest.approx([0.0, 0.0, 0.02], abs=1e-6) and after["Jaw"] == before["Jaw"]
    radius = max(abs(end[0]) for end in before["Jaw"].lines)
    assert radius == pytest.approx(0.015, abs=1e-5), "as large as the bone's own shape"


def test_a_pose_of_one_rig_fits_every_other_as_an_asset_does(addon, bpy, line, strips, rig, controls, tmp_path):
    only(addon, rig, "smile", 15, 0.5)
    pose = rig.animation_data.action
    pose.asset_mark()
    strips.new_sound("other", str(tmp_path / "talk.wav"), 2, 11)
    line.talker.line_strip = "other"
    bpy.ops.talker.direct_line()
    bpy.context.object.pose.apply_pose_from_action(pose, evaluation_time=15.0)
    assert controls() == {"smile": pytest.approx([0.5] * FRAMES)}


def test_direction_outlives_undo_saving_and_opening(addon, bpy, line, rig, controls, tmp_path):
    only(addon, rig, "smile", 15, 0.5)
    before = controls()
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    request = addon.jobs.steps.read_render(bpy.context.scene)
    request.write_files()
    with open(request.arguments["direction"]) as file:
        assert json.load(file)["controls"] == before


def test_a_direction_is_exported_as_a_render_takes_it(addon, bpy, line, rig, controls, tmp_path):
    only(addon, rig, "smile", 15, 0.5)
    assert bpy.ops.talker.export_direction(filepath=str(tmp_path / "d.json")) == {"FINISHED"}
    assert json.loads((tmp_path / "d.json").read_text())["controls"] == controls()


def test_the_box_says_what_is_keyed(addon, bpy, line, tmp_path):
    def drawn():
        layout = Recorder(bpy)
        addon.ui.direction_box.draw(layout, line)
        return " ".join(layout.texts)

    assert drawn() == "Direction [talker.direct_line] [talker.edit_base_curves] <use_performance>"
    bpy.ops.talker.direct_line()
    assert "nothing is keyed yet" in drawn() and "<use_direction>" in drawn() and "[talker.export_direction]" in drawn()
    only(addon, bpy.context.object, "smile", 15, 0.5)
    assert "Directed: Smile" in drawn()


def test_what_lies_below_is_locked_when_a_line_that_is_there_is_directed(addon, bpy, line, strips, make_take):
    take = make_take("line", "--id", addon.shared.take_ids.public_id("scene/Scene/strip/line"))
    line.talker.output = str(take.parent)
    addon.headless.bring_back(take, 11, scene=line, match_scene=False)
    bpy.ops.talker.direct_line()
    base = addon.bridge.curves.find_controller(take)
    assert {curve.lock for curve in addon.bridge.curves.by_name(base).values()} == {True}
    assert bpy.context.object.parent.name.startswith("Talker Head")


def test_without_a_line_the_words_say_so(bpy, scene):
    with pytest.raises(RuntimeError, match="No line is chosen"):
        bpy.ops.talker.direct_line()
