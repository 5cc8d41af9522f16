"""The live head in Blender: what is asked of the backend when frame or curves change, what is shown, how it ends."""

import os
import signal
import struct
import sys
import time
import types
from functools import partial

import pytest

from tests.support.no_waiting import Turns

LIMIT_S = 60.0
START = 11
"""Timeline frame at which the take begins."""
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture(scope="module")
def take_folder(make_take):
    return make_take("line_01")


@pytest.fixture
def stage(bpy, scene, addon, modules, connection, take_folder, tmp_path):
    """The scene with a take that was brought back, and the live head off."""
    (tmp_path / "subject").mkdir()
    scene.render.fps = 25
    addon.bridge.bring_back.bring_back(scene, take_folder, START)
    scene.talker.subject, scene.talker.take = str(tmp_path / "subject"), str(take_folder)
    scene.frame_set(START)
    yield types.SimpleNamespace(scene=scene, live=modules.live, subject=tmp_path / "subject", take=take_folder)
    modules.live.stop()


def controller(bpy):
    return next(item for item in bpy.data.objects if item.get("talker_role") == "performance")


def shown():
    """(red, green) of what is shown: the take's frame and 255 x jawOpen of it, as the stand-in draws them."""
    import importlib

    plane = importlib.import_module("bl_ext.user_default.m2dao_talker.bridge.live_plane")
    picture = plane.shown()
    return None if picture is None else tuple(round(255 * value) for value in struct.unpack_from("<2f", picture.rgba))


def shows(take_frame):
    """Whether a frame of the take is shown."""
    return shown() is not None and shown()[0] == take_frame


def until(live, condition):
    """Turns of the timer until `condition` holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, (live.words(), live.trouble(), shown())
        live.turn()
        time.sleep(0.005)


def jaw(bpy, scene, frame):
    """255 x jawOpen at a timeline frame, by the controller's F-curve."""
    import importlib

    curves = importlib.import_module("bl_ext.user_default.m2dao_talker.bridge.curves")
    return round(255 * curves.at(scene, controller(bpy), frame)[1]["jawOpen"])


def test_switched_on_it_shows_the_present_frame_and_then_each_that_is_scrubbed_to(bpy, stage):
    assert bpy.ops.talker.live_head() == {"FINISHED"} and stage.live.is_on()
    until(stage.live, lambda: shown() == (1, jaw(bpy, stage.scene, START)))
    for frame in (START + 4, START + 2, START + 11):
        stage.scene.frame_set(frame)
        until(stage.live, lambda at=frame: shown() == (at - START + 1, jaw(bpy, stage.scene, at)))
    assert "ms a picture" in stage.live.words()
    assert bpy.ops.talker.live_head() == {"FINISHED"} and not stage.live.is_on()
    assert shown() is None and stage.live.trouble() == ("", "")


def test_an_edit_of_a_curve_shows_at_once(bpy, addon, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    item = controller(bpy)
    curve = next(c for c in addon.compat.fcurves(item) if c.data_path == '["jawOpen"]')
    before = shown()
    curve.keyframe_points[0].co[1] = 0.8
    curve.update()
    item.update_tag()
    bpy.context.view_layer.update()
    until(stage.live, lambda: shown() == (1, 204))
    assert before != shown()


def test_what_has_not_changed_is_not_asked_for_again(bpy, stage, monkeypatch):
    asked = []
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    monkeypatch.setattr(stage.live._Live.on.head, "ask", lambda draw, tag: asked.append(draw.frame))
    stage.scene.objects[0].location.x += 1
    bpy.context.view_layer.update()
    stage.scene.frame_set(stage.scene.frame_current)
    assert asked == []
    stage.scene.frame_set(START + 1)
    assert asked == [2]


def test_outside_of_the_line_nothing_is_shown(bpy, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    stage.scene.frame_set(START - 1)
    assert shown() is None
    stage.scene.frame_set(START + 500)
    assert shown() is None
    stage.scene.frame_set(START + 1)
    until(stage.live, lambda: shown() is not None and shown()[0] == 2)


def test_at_another_rate_the_takes_frame_of_that_time_is_asked_for(bpy, stage):
    stage.scene.render.fps = 50
    stage.scene.frame_set(START)
    stage.live.start(stage.scene)
    for frame, take_frame in ((START + 1, 1), (START + 2, 2), (START + 7, 4)):
        stage.scene.frame_set(frame)
        until(stage.live, partial(shows, take_frame))


def test_it_neither_changes_the_file_nor_adds_data(bpy, stage):
    counts = {name: len(getattr(bpy.data, name)) for name in ("images", "objects", "textures", "scenes", "actions")}
    dirty = bpy.data.is_dirty
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    stage.live.stop()
    assert counts == {name: len(getattr(bpy.data, name)) for name in counts}
    assert bpy.data.is_dirty == dirty


def test_no_turn_and_no_handler_waits(bpy, stage):
    turns = Turns()
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    for frame in range(START, START + 12):
        stage.scene.frame_current = frame
        turns.take(lambda: stage.live._on_frame(stage.scene))
        turns.take(stage.live._on_change)
        turns.take_until(stage.live.turn, partial(shows, frame - START + 1))
    turns.check_clock()


@posix_only
def test_a_stalled_backend_holds_no_turn(bpy, stage, connection):
    from importlib import import_module

    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    pid = import_module("shared.ready").ReadyFile.read(connection.session().place.ready_file).pid
    turns = Turns()
    os.kill(pid, signal.SIGSTOP)
    try:
        for frame in range(START, START + 12):
            stage.scene.frame_current = frame
            turns.take(lambda: stage.live._on_frame(stage.scene))
        turns.take_for(stage.live.turn, 1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    until(stage.live, lambda: shown()[0] == 12)
    turns.check_clock()


def test_a_take_that_is_not_in_the_scene_is_refused_in_words(bpy, stage, make_take):
    stage.scene.talker.take = str(make_take("elsewhere"))
    with pytest.raises(RuntimeError, match="The take elsewhere is not in this scene"):
        bpy.ops.talker.live_head()
    assert not stage.live.is_on()


def test_a_head_that_cannot_be_opened_switches_it_off_and_says_why(bpy, stage):
    model = stage.subject / "models" / "none"
    model.mkdir(parents=True)
    (model / "config.json").touch()
    stage.scene.talker.model = "none"
    stage.live.start(stage.scene)
    until(stage.live, lambda: not stage.live.is_on())
    assert stage.live.trouble() == ("There is no model.", "Train one.")


def test_a_model_that_was_trained_is_opened_again_by_itself(bpy, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    first = stage.live._Live.on.head
    aside = stage.subject.with_name("aside")
    stage.subject.rename(aside)
    until(stage.live, lambda: stage.live._Live.on.head is not first)
    aside.rename(stage.subject)
    until(stage.live, lambda: "ms a picture" in stage.live.words() and not stage.live._Live.on.head.is_awaiting)
    stage.scene.frame_set(START + 3)
    until(stage.live, lambda: shown()[0] == 4)


@posix_only
def test_a_backend_that_is_killed_switches_it_off_in_words_and_it_may_be_switched_on_again(bpy, stage, connection):
    from importlib import import_module

    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    os.kill(import_module("shared.ready").ReadyFile.read(connection.session().place.ready_file).pid, signal.SIGKILL)
    stage.scene.frame_set(START + 1)
    until(stage.live, lambda: not stage.live.is_on())
    assert stage.live.trouble()[0] == "The backend has stopped." and shown() is None
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None and shown()[0] == 2)


def test_stopping_the_backend_switches_it_off_in_words(bpy, stage, connection):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    connection.stop()
    until(stage.live, lambda: not stage.live.is_on())
    assert "The backend has stopped." in stage.live.trouble()[0]


def test_another_file_switches_it_off(bpy, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    assert not stage.live.is_on() and shown() is None
    assert stage.live._on_frame not in bpy.app.handlers.frame_change_post
    assert not bpy.app.timers.is_registered(stage.live.turn)


def test_a_take_that_is_deleted_switches_it_off_in_words(bpy, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    bpy.data.objects.remove(controller(bpy))
    stage.scene.frame_set(START + 1)
    assert not stage.live.is_on() and "not in this file any more" in stage.live.trouble()[0]


def test_curves_that_are_renamed_are_found_again(bpy, stage):
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    controller(bpy).name = "My Face"
    stage.scene.frame_set(START + 1)
    until(stage.live, lambda: shown()[0] == 2)


def test_the_plane_is_where_the_takes_background_lies(bpy, addon, stage):
    plane = addon.bridge.live_plane.plane_of(
        stage.scene, addon.bridge.tagged.object_of(stage.take, "camera"), addon.bridge.take.Take.open(stage.take)
    )
    take = addon.bridge.take.Take.open(stage.take)
    lens = take.footage_camera
    seen = [(lens.cx + lens.fx * x / -z, lens.cy - lens.fy * y / -z) for x, y, z in plane.corners]
    crop = take.crop
    left, top, right, bottom = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
    for (x, y), wanted in zip(seen, ((left, bottom), (right, bottom), (right, top), (left, top)), strict=True):
        assert (round(x, 6), round(y, 6)) == wanted
    assert abs(-plane.corners[0][2] - 0.71) < 0.02


def blue():
    """Centimetres that the head is to the side of the camera's axis in what is shown, as the stand-in draws them."""
    from importlib import import_module

    picture = import_module("bl_ext.user_default.m2dao_talker.bridge.live_plane").shown()
    return None if picture is None else round(255 * struct.unpack_from("<4f", picture.rgba)[2])


def test_a_head_that_follows_an_object_moves_with_it_at_once(bpy, addon, stage):
    head = bpy.data.objects.new("Follow", None)
    stage.scene.collection.objects.link(head)
    camera = bpy.data.objects.new("Scene Camera", bpy.data.cameras.new("Scene Camera"))
    stage.scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0, -2, 0), (1.5707963, 0, 0)
    stage.scene.camera = camera
    stage.scene.talker.pose_mode, stage.scene.talker.pose_object = "OBJECT", head
    stage.scene.frame_set(START + 2)
    stage.live.start(stage.scene)
    assert stage.scene.frame_current == START + 2
    until(stage.live, lambda: shows(3) and blue() == 0)
    head.location.x = 0.5
    bpy.context.view_layer.update()
    until(stage.live, lambda: blue() == 50)
    plane = addon.bridge.live_plane._Shown.plane
    assert plane.camera == "Scene Camera" and abs(-plane.corners[0][2] - 2.0) < 1e-4
    asked = stage.live._Live.on.asked
    assert asked.lens[4:] == [stage.scene.render.resolution_x, stage.scene.render.resolution_y]
    assert [row[3] for row in asked.body[:3]] == [0.0, -2.0, 0.0]
    bpy.data.objects.remove(head)
    bpy.context.view_layer.update()
    until(stage.live, lambda: not stage.live.is_on())
    assert "follows" in stage.live.trouble()[0]


def test_controls_of_the_direction_show_at_once(bpy, addon, stage, take_folder):
    bring = addon.bridge.direction
    item = controller(bpy)
    rig = bring.bring(stage.scene, take_folder, "a line", "", START)
    item["talker_take_id"] = rig["talker_take_id"]
    smile = next(c for c in addon.bridge.direction_rig.channels() if c.control == "smile")
    stage.live.start(stage.scene)
    until(stage.live, lambda: shows(1) and blue() == 0)
    bone = rig.pose.bones[smile.bone]
    getattr(bone, smile.kind)[smile.index] = 0.8 / smile.factor
    bpy.context.view_layer.update()
    until(stage.live, lambda: blue() == 8)
    assert stage.live._Live.on.asked.controls == {"smile": pytest.approx(0.8, abs=1e-5)}
    stage.scene.talker.use_direction = False
    stage.scene.frame_set(START + 1)
    until(stage.live, lambda: shows(2) and blue() == 0)


def test_pictures_come_while_changes_come_so_fast_that_nothing_else_has_a_turn(bpy, stage):
    """A busy view: between two frames only their handlers run, and the timer is never begun anew before it turns."""
    stage.live.start(stage.scene)
    until(stage.live, lambda: shown() is not None)
    seen = set()
    for number in range(60):
        stage.scene.frame_set(START + 1 + number % 11)
        assert not stage.live._Live.on.is_resting
        time.sleep(0.03)
        seen.add(shown()[0])
    assert len(seen) > 6
