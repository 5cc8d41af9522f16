"""Reading the scene changes nothing: settings change once the backend has the job, and not if it does not take it."""

import json
import wave

import pytest


@pytest.fixture
def line(scene, tmp_path):
    """The scene's settings with a line from a file, whose start is not the take's."""
    with wave.open(str(tmp_path / "hello.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000))
    settings = scene.talker
    settings.subject, settings.output = str(tmp_path / "subject"), str(tmp_path / "lines")
    settings.line_source, settings.line_file, settings.line_frame = "FILE", str(tmp_path / "hello.wav"), 101
    settings.take_frame = 7
    return settings


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def test_reading_a_render_writes_neither_files_nor_settings(bpy, modules, scene, line, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    line.pose_mode, line.pose_object = "OBJECT", bpy.context.object
    scene.frame_set(33)
    before = files(tmp_path)
    request = modules.steps.read_render(scene)
    assert (files(tmp_path), line.take_frame, scene.frame_current) == (before, 7, 33)
    assert request.settings == {"take_frame": 101}
    request.write_files()
    assert line.take_frame == 7
    poses = json.loads((tmp_path / "lines" / "hello.poses.json").read_text())
    assert request.arguments["pose"] == str(tmp_path / "lines" / "hello.poses.json")
    assert len(poses["camera_to_world"]) == 24


def test_a_line_that_is_not_submitted_leaves_the_scene_as_it_was(connection, modules, scene, line):
    connection.submit("train", {"subject": line.subject, "model": "m"})
    with pytest.raises(Exception, match="The train job has not ended"):
        modules.step_run.StepRun(modules.steps.RENDER, scene)
    assert (line.take_frame, line.take) == (7, "")


def test_a_line_that_the_backend_refuses_leaves_the_scene_as_it_was(connection, modules, scene, line):
    unknown = modules.steps.Step("frobnicate", modules.steps.read_render, modules.steps.RENDER.finish)
    with pytest.raises(Exception, match="no verb 'frobnicate'"):
        modules.blocking.do(scene, [unknown], print)
    assert (line.take_frame, line.take) == (7, "")


def test_a_line_that_the_backend_has_taken_sets_where_its_take_begins(connection, modules, scene, line, tmp_path):
    run = modules.step_run.StepRun(modules.steps.RENDER, scene)
    run.take_acceptance(scene)
    assert line.take_frame == 7, "nobody has answered yet"
    while not run.job.accepted:
        connection.session().poll_and_wait(0.05)
    run.take_acceptance(scene)
    assert (line.take_frame, line.take) == (101, "")
    line.take_frame = 55  # the artist's own choice meanwhile is kept
    connection.session().wait(run.job, 60)
    run.finish(scene)
    assert (line.take_frame, line.take) == (55, str(tmp_path / "lines" / "hello"))


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_submitted(connection, modules, scene, line, tmp_path):
    (tmp_path / "lines").write_text("")
    line.line_source = "RANGE"
    scene.sequence_editor_create()
    if not modules.compat.has_sound():
        pytest.skip("this Blender has no sound")
    with pytest.raises(Exception, match="cannot be written"):
        modules.step_run.StepRun(modules.steps.RENDER, scene)
    assert connection.handle() is None
    assert line.take_frame == 7
