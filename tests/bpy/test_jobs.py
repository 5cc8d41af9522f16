"""Job operators in a real Blender with a real backend process."""

import dataclasses
import time
import types
import wave
from pathlib import Path

import pytest

LIMIT_S = 60.0


@pytest.fixture
def talker(scene, tmp_path):
    """The scene's settings, filled in."""
    (tmp_path / "clip.mp4").write_bytes(b"film")
    settings = scene.talker
    settings.footage = str(tmp_path / "clip.mp4")
    settings.subject = str(tmp_path / "subject")
    settings.output = str(tmp_path / "lines")
    return settings


def wait_until(condition, connection):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        connection.session().poll_and_wait(0.05)


class Body:
    """An operator's body outside Blender's event loop, which does not run in background mode."""

    def __init__(self, base, *names):
        self.base = base
        self.names = names
        self.reports = []

    def make(self, steps):
        body = type("Plain", (self.base,), {})()
        body.steps = lambda: [getattr(steps, name) for name in self.names]
        body.report = lambda level, text: self.reports.append((*level, text))
        return body


def test_the_backend_starts_and_stops(bpy, connection):
    assert bpy.ops.talker.start_backend() == {"FINISHED"}
    assert bpy.context.window_manager.talker_job.backend == "READY"
    assert bpy.ops.talker.stop_backend() == {"FINISHED"}
    assert bpy.context.window_manager.talker_job.backend == ""
    assert connection.stop_and_wait() is False


def test_a_backend_that_is_not_installed_is_named_with_the_remedy(bpy, connection, monkeypatch, tmp_path):
    monkeypatch.setenv("TALKER_BACKEND_PYTHON", str(tmp_path / "no-python"))
    with pytest.raises(RuntimeError, match="not installed. Press Install Backend"):
        bpy.ops.talker.start_backend()
    assert bpy.context.window_manager.talker_job.error_what == "The backend is not installed."


def test_preprocessing_runs_and_leaves_its_progress_where_the_panel_reads_it(bpy, connection, talker):
    assert bpy.ops.talker.preprocess() == {"FINISHED"}
    job = bpy.context.window_manager.talker_job
    assert (job.verb, job.state, job.phase) == ("preprocess", "DONE", "looking for the face")
    assert (job.step, job.total, job.error_what) == (4, 4, "")
    assert Path(talker.subject).is_dir()


def test_training_asks_for_what_the_scene_says(bpy, connection, talker):
    talker.preset, talker.recipe = "film", "talkinggaussian"
    assert bpy.ops.talker.train() == {"FINISHED"}
    assert connection.handle().info.arguments == {
        "subject": talker.subject,
        "preset": "film",
        "recipe": "talkinggaussian",
        "model": "talkinggaussian",
        "start": "auto",
    }
    assert bpy.context.window_manager.talker_job.preview == str(Path(talker.subject) / "preview.png")


def test_training_on_and_anew_ask_for_more_minutes_and_for_no_checkpoint(bpy, connection, talker):
    talker.more_minutes = 2.5
    assert bpy.ops.talker.train(mode="MORE") == {"FINISHED"}
    asked = {"subject": talker.subject, "preset": "standard", "recipe": "m2dao", "model": "m2dao"}
    assert connection.handle().info.arguments == {**asked, "start": "more", "minutes": 2.5}
    assert bpy.ops.talker.train(mode="ANEW") == {"FINISHED"}
    assert connection.handle().info.arguments == {**asked, "start": "anew"}
    assert bpy.ops.talker.train() == {"FINISHED"}
    assert connection.handle().info.arguments["start"] == "auto", "the last mode is not kept"


def test_the_train_button_says_of_each_mode_what_it_will_do(addon, modules):
    operator = modules.operators_jobs.TALKER_OT_train
    words = {mode: operator.description(None, types.SimpleNamespace(mode=mode)) for mode in ("AUTO", "MORE", "ANEW")}
    assert "go on where its training stopped" in words["AUTO"]
    assert "more minutes" in words["MORE"]
    assert "from the footage alone" in words["ANEW"]


def test_a_line_is_rendered_from_a_sound_file_at_the_scenes_rate(bpy, connection, talker, tmp_path):
    with wave.open(str(tmp_path / "hello there.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000))
    talker.line_source, talker.line_file, talker.line_frame = "FILE", str(tmp_path / "hello there.wav"), 101
    talker.pose_mode, talker.strength, talker.face_life = "STILL", 0.7, 1.2
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.001
    assert bpy.ops.talker.render_line() == {"FINISHED"}
    out = str(tmp_path / "lines" / "hello_there")
    assert connection.handle().info.arguments == {
        "subject": talker.subject,
        "audio": str(tmp_path / "hello there.wav"),
        "out": out,
        "take_id": "file/../hello there.wav",
        "model": "m2dao",
        "fps": "24000/1001",
        "pose": "still",
        "face_life": 1.2,
        "strength": 0.7,
    }
    assert (talker.take, talker.take_frame) == (out, 101)


def test_the_head_moves_by_itself_unless_something_else_is_chosen_and_scenes_keep_their_choice(bpy, talker):
    assert (talker.pose_mode, talker.head_life, talker.face_life) == ("LIFE", 1.0, 1.0)
    items = talker.bl_rna.properties["pose_mode"].enum_items
    # A scene keeps the number: these are what versions without Life kept.
    assert {item.identifier: item.value for item in items} == {
        "LIFE": 4, "RECORDED": 0, "STILL": 1, "OBJECT": 2, "FILE": 3,
    }  # fmt: skip
    talker.head_life, talker.face_life = 9.0, -1.0
    assert (talker.head_life, talker.face_life) == (2.0, 0.0)


def test_a_line_cannot_use_edited_curves_before_it_has_any(bpy, connection, talker, tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(3200))
    talker.line_source, talker.line_file, talker.use_performance = "FILE", str(tmp_path / "a.wav"), True
    with pytest.raises(RuntimeError, match="no curves in the scene yet"):
        bpy.ops.talker.render_line()


def test_scripts_call_the_same_functions_without_operators(addon, connection, talker):
    headless = addon.headless
    assert headless.preprocess()["frames"] == 4
    assert headless.train()["model"] == "m2dao"


def test_a_job_that_fails_says_what_and_what_to_do(bpy, connection, talker):
    Path(talker.footage).write_bytes(b"")
    with pytest.raises(RuntimeError, match="The footage is empty. Use another clip."):
        bpy.ops.talker.preprocess()
    job = bpy.context.window_manager.talker_job
    assert (job.state, job.error_what, job.error_do) == ("FAILED", "The footage is empty.", "Use another clip.")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("footage", "", "Footage is not chosen"),
        ("footage", "/no/such/clip.mp4", "There is no file"),
        ("subject", "//beside", "not saved"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_starts(bpy, connection, talker, field, value, message):
    setattr(talker, field, value)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.talker.preprocess()
    assert connection.handle() is None


def turns(operator, context, connection):
    """Turn after turn of an operator's timer, as Blender's event loop would give them, until it has done its work."""
    operator._session = connection.session()
    deadline = time.monotonic() + LIMIT_S
    while not operator.turn(context):
        assert time.monotonic() < deadline, "it did not come to its end"
        yield
        time.sleep(0.02)


def test_the_window_body_does_its_steps_one_after_the_other(bpy, connection, talker, modules):
    body = Body(modules.operators_jobs.RunsSteps, "PREPROCESS", "TRAIN")
    operator = body.make(modules.steps)
    modules.shown.clear(bpy.context)
    operator.begin(bpy.context)
    job = bpy.context.window_manager.talker_job
    phases = {modules.words.one_line(job).split(" ")[0] for _ in turns(operator, bpy.context, connection)}
    assert phases >= {"Preprocessing:", "Training:"}
    assert [text for _, text in body.reports] == [
        "It is dark.",
        "The footage is ready: 4 frames.",
        "Trained: m2dao.",
    ]


def test_cancelling_ends_a_running_job(bpy, connection, talker, modules):
    Path(talker.subject).mkdir()
    (Path(talker.subject) / "slow").touch()
    body = Body(modules.operators_jobs.RunsSteps, "TRAIN")
    operator = body.make(modules.steps)
    operator.begin(bpy.context)
    assert not bpy.ops.talker.train.poll()
    job = connection.handle()
    wait_until(lambda: job.info.progress and job.info.progress.step > 2, connection)
    assert bpy.ops.talker.cancel_job() == {"FINISHED"}
    wait_until(lambda: job.ended, connection)
    assert job.info.progress.step < job.info.progress.total, "it ended before its time"
    modules.shown.show(bpy.context, job)
    assert bpy.context.window_manager.talker_job.state == "CANCELLED"
    with pytest.raises(Exception, match="Cancelled"):
        operator.advance(bpy.context)
    assert not bpy.ops.talker.cancel_job.poll()


def begin_and_lose_the_file(bpy, modules, label, *names):
    """Begin steps, whose first job goes on, and end their operator as Blender does when another file is opened."""
    operator = Body(modules.operators_jobs.RunsSteps, *names).make(modules.steps)
    operator.bl_label = label
    modules.shown.clear(bpy.context)
    operator.begin(bpy.context)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    operator.cancel(bpy.context)


def test_steps_that_will_not_follow_since_another_file_was_opened_are_named(bpy, connection, talker, modules):
    assert modules.shown.undone() is None
    begin_and_lose_the_file(bpy, modules, "Do It All", "PREPROCESS", "TRAIN", "RENDER_AND_BRING_BACK")
    what, do = modules.shown.undone()
    assert what == "Do It All lost its file or window: preprocess goes on, train and render will not follow."
    assert do == "In that file, press Do It All again: what is done is not done twice."
    wait_until(lambda: connection.handle().ended, connection)
    assert str(connection.handle().info.state) == "DONE"
    assert modules.shown.undone() == (what, do), "it is said until the next job begins"
    modules.shown.clear(bpy.context)
    assert modules.shown.undone() is None


def test_a_render_whose_scene_is_gone_says_where_its_line_will_be(bpy, connection, talker, modules, tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(3200))
    talker.line_source, talker.line_file = "FILE", str(tmp_path / "a.wav")
    begin_and_lose_the_file(bpy, modules, "Render Line", "RENDER")
    what, do = modules.shown.undone()
    assert "the render goes on" in what
    assert do == f"In that file, choose {tmp_path / 'lines' / 'a'} under Bring Back."


def test_a_single_job_that_owes_its_scene_nothing_leaves_nothing_undone(bpy, connection, talker, modules):
    begin_and_lose_the_file(bpy, modules, "Train", "TRAIN")
    assert modules.shown.undone() is None


def test_a_job_goes_on_when_this_blender_leaves_and_is_found_again(bpy, connection, talker):
    Path(talker.subject).mkdir()
    (Path(talker.subject) / "slow").touch()
    first = connection.submit("train", {"subject": talker.subject, "model": "m"})
    wait_until(lambda: first.info.progress, connection)
    connection.close()
    assert connection.handle() is None
    connection.join()
    deadline = time.monotonic() + LIMIT_S
    while connection.handle() is None:
        assert time.monotonic() < deadline
        connection.poll()
    again = connection.handle()
    assert again.id == first.id
    wait_until(lambda: again.info.progress and again.info.progress.step > 2, connection)
    connection.cancel()
    wait_until(lambda: again.ended, connection)
    assert str(again.info.state) == "CANCELLED"


def test_the_real_backend_runs_its_doctor(bpy, modules, backend_python, tmp_path, monkeypatch):
    monkeypatch.setenv(modules.backend_place.PYTHON_VARIABLE, str(backend_python))
    real = modules.backend_place.place
    monkeypatch.setattr(
        modules.backend_place, "place", lambda p: dataclasses.replace(real(p), state_dir=tmp_path / "state")
    )
    try:
        report = modules.blocking.run("doctor", {}, timeout_s=3 * LIMIT_S)
    finally:
        modules.connection.stop_and_wait()
    assert Path(report["backend"]).is_relative_to(modules.backend_place.EXTENSION_ROOT)
    assert report["packages"]["numpy"] and report["python"]
    assert not list((modules.backend_place.EXTENSION_ROOT / "backend").rglob("__pycache__"))  # nothing is written there


def test_looking_for_a_backend_starts_none(connection):
    connection.join()
    words = set()
    deadline = time.monotonic() + LIMIT_S
    while not connection.session().idle:
        assert time.monotonic() < deadline
        words.add(connection.backend_word())
        connection.poll()
    assert words == {""}
    assert connection.handle() is None


def test_a_job_after_the_backend_was_stopped_elsewhere_starts_a_fresh_one(bpy, connection, talker, modules):
    connection.connect()
    modules.client_process.stop(connection.session().place)
    deadline = time.monotonic() + LIMIT_S
    while connection.backend_word() == "READY":
        assert time.monotonic() < deadline
        connection.poll()
    assert connection.backend_word() == ""
    assert bpy.ops.talker.preprocess() == {"FINISHED"}


def test_a_take_beside_the_file_stays_beside_it(bpy, connection, talker, tmp_path, modules):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    talker = bpy.context.scene.talker
    talker.output = "//lines/"
    modules.steps.RENDER.finish(bpy.context.scene, {"out": str(tmp_path / "lines" / "a"), "frames": 2})
    assert talker.take == "//lines/a"


def test_a_strips_file_ending_is_no_part_of_its_takes_name(modules):
    name = modules.takes.take_name
    assert [name(n) for n in ("line.wav", "line.WAV.001", "v1.2 take.mp3", "line")] == [
        "line", "line.001", "v1.2_take", "line"
    ]  # fmt: skip


def test_line_names_become_folder_names(modules):
    name = modules.takes.folder_name
    assert [name("Line 3: hello?.wav"), name("..."), name("Zeile_é")] == ["Line_3_hello_.wav", "line", "Zeile_é"]
