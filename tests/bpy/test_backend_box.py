"""The backend's box: its facts, its removal, and what is copied for those who help."""

import json
import os
import threading
import types

import pytest

from tests.bpy.recorder import Recorder, settle


@pytest.fixture
def box(addon, bpy, scene):
    """A function that draws the box until it knows all that it asks for; the Recorder."""

    def draw():
        addon.ui.scanning.forget()
        for _ in range(2):
            addon.ui.backend_box.draw(Recorder(bpy), bpy.context, scene.talker)
            settle(addon)
        layout = Recorder(bpy)
        addon.ui.backend_box.draw(layout, bpy.context, scene.talker)
        return layout

    return draw


@pytest.fixture
def environment(addon, monkeypatch, tmp_path):
    """An environment as the installation leaves one: 3,000 bytes and a stamp."""
    plan = addon.backend_place.plan()
    folder = tmp_path / "environment"
    plan = types.SimpleNamespace(**{**vars(plan), "folder": folder, "python": folder / "bin" / "python"})
    plan.log_file, plan.requirements = tmp_path / "environment-setup.log", ()
    plan.torch = plan.gpu_requirements = None
    plan.python.parent.mkdir(parents=True)
    plan.python.write_bytes(bytes(3000))
    (folder / "pyvenv.cfg").write_text("")
    (folder / "talker-setup.json").write_text(json.dumps({"python": "3.11", "torch": "cpu", "requirements": ""}))
    monkeypatch.delenv("TALKER_BACKEND_PYTHON", raising=False)
    monkeypatch.setattr(addon.backend_place, "plan", lambda: plan)
    monkeypatch.setattr(addon.backend_place, "user_folder", lambda name: tmp_path / name)
    return plan


def test_it_tells_version_device_place_and_what_is_used_of_the_disk(box, environment, scene, tmp_path):
    scene.talker.subject, scene.talker.output = str(tmp_path / "anna"), "//lines"
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "track.npz").write_bytes(bytes(2_340_000))
    text = " ".join(box().texts)
    for words in ("Version: 0.1.0", "Device: CPU", str(environment.folder), "Backend: 3.1 kB", "Subject: 2.3 MB"):
        assert words in text
    assert "Lines:" not in text  # they lie beside a file that has no place yet


def test_buttons_that_have_nothing_to_do_cannot_be_pressed(addon, box, environment, tmp_path):
    off = box().off
    assert "talker.open_log" in off and "talker.remove_backend" not in off
    (tmp_path / "state" / "logs").mkdir(parents=True)
    (tmp_path / "state" / "logs" / "backend.log").write_text("started")
    assert "talker.open_log" not in box().off
    (environment.folder / "talker-setup.json").unlink()
    assert {"talker.remove_backend", "talker.look_over"} <= box().off


def test_the_newest_log_is_the_one_that_is_opened(addon, tmp_path):
    newest = addon.operators.about.newest_log
    assert newest(tmp_path / "logs", tmp_path / "setup.log") is None
    (tmp_path / "logs").mkdir()
    for at, name in ((1000, "backend.log"), (3000, "job.log"), (2000, "other.log")):
        path = tmp_path / "logs" / name
        path.write_text(name)
        os.utime(path, (at, at))
    assert newest(tmp_path / "logs", tmp_path / "setup.log").name == "job.log"


def test_removal_takes_the_environment_and_nothing_else(bpy, environment, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "jobs.txt").write_text("kept")
    assert bpy.ops.talker.remove_backend() == {"FINISHED"}
    assert not environment.folder.exists() and (tmp_path / "state" / "jobs.txt").is_file()
    with pytest.raises(RuntimeError, match="holds no environment"):
        bpy.ops.talker.remove_backend()


def test_a_folder_that_is_no_environment_is_never_removed(bpy, environment):
    (environment.folder / "pyvenv.cfg").unlink()
    with pytest.raises(RuntimeError, match="holds no environment"):
        bpy.ops.talker.remove_backend()
    assert environment.python.is_file()


def test_what_is_copied_has_versions_device_settings_and_the_error(addon, bpy, scene, environment):
    scene.talker.strength, scene.talker.pose_mode = 0.5, "STILL"
    addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("It broke.", "Mend it."))
    text = addon.jobs.about.debug_info(bpy.context)
    for words in ("M2DAO Talker 0.1.0", f"Blender {bpy.app.version_string}", "Device CPU", "Error: It broke. Mend it."):
        assert words in text
    assert "strength=0.5" in text and "pose_mode=STILL" in text and "preset=" not in text
    addon.jobs.shown.clear(bpy.context)


def test_what_is_copied_names_nobody_and_no_file(addon, bpy, scene, environment, tmp_path):
    settings = scene.talker
    settings.footage, settings.subject = "/shots/Mrs Nobody.mov", str(tmp_path / "mrs_nobody")
    settings.consent = "Mrs Nobody agreed by letter"
    what = "The face of /shots/Mrs Nobody.mov is not seen; /home/artist/else where.wav is silent, C:\\sound\\a.wav too."
    addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError(what, f"See {tmp_path}/mrs_nobody/x."))
    addon.jobs.about.keep_machine({"problems": [f"{tmp_path}/cache cannot be written."], "torch": {"device": "CPU"}})
    text = addon.jobs.about.debug_info(bpy.context)
    addon.jobs.about.keep_machine(None)
    addon.jobs.shown.clear(bpy.context)
    for name in ("obody", "shots", "home", "else", "sound", str(tmp_path)):
        assert name not in text, text
    assert "The face of … is not seen" in text


def test_a_check_of_the_backend_says_what_it_computes_on(addon, bpy, connection, scene):
    assert bpy.ops.talker.look_over() == {"FINISHED"}
    assert addon.jobs.about.machine() == {"well": True}
    addon.jobs.about.keep_machine(None)


def test_a_message_that_was_read_can_be_put_away(addon, bpy, scene, draw, job):
    addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("It broke.", "Mend it."))
    assert "It broke. Mend it." in draw() and "[talker.dismiss]" in draw()
    assert bpy.ops.talker.dismiss() == {"FINISHED"}
    assert "It broke." not in draw() and "[talker.dismiss]" not in draw()


def test_an_error_that_was_put_away_stays_away_while_its_job_is_still_looked_at(
    addon, bpy, connection, scene, draw, job
):
    handle = connection.submit("preprocess", {"footage": "/no/such", "subject": "/no/such"})
    with pytest.raises(addon.shared.errors.TalkerError):
        addon.jobs.blocking.wait(handle)
    addon.jobs.shown.show(bpy.context, handle)
    assert job.error_what
    bpy.ops.talker.dismiss()
    addon.jobs.shown.show(bpy.context, handle)
    assert not job.error_what and job.state == "FAILED"


def test_a_person_is_removed_with_models_and_takes_and_nothing_of_others(
    addon, bpy, connection, scene, subject, make_take, tmp_path
):
    info = json.loads((subject / "subject.json").read_text())
    whole = {"source_sha256": "0" * 64, "size": 32, "schema": 3, "footage_width": 80, "footage_height": 48}
    crop = {"x": 0, "y": 0, "width": 32, "height": 32}
    (subject / "subject.json").write_text(json.dumps({**info, **whole, "crop": crop}))
    lines = tmp_path / "lines"
    (lines / "others").mkdir(parents=True)
    (lines / "others" / "notes.txt").write_text("kept")
    scene.talker.subject, scene.talker.output = str(subject), str(lines)
    assert bpy.ops.talker.forget_person() == {"FINISHED"}
    assert not (subject / "subject.json").exists() and not (subject / "models" / "m2dao" / "config.json").exists()
    assert (lines / "others" / "notes.txt").read_text() == "kept"
    with pytest.raises(RuntimeError, match="is not a subject folder"):
        bpy.ops.talker.forget_person()


def test_nobody_is_removed_where_there_is_no_subject(box, environment, scene, tmp_path):
    scene.talker.subject = str(tmp_path / "nobody")
    assert "talker.forget_person" in box().off


def test_while_something_is_removed_nothing_else_is_begun(addon, bpy, box, environment, scene, subject):
    """Neither another removal, which would take the program away under this one, nor a job, which would start it."""
    removing = addon.jobs.removing
    may_end = threading.Event()
    scene.talker.subject = str(subject)

    def work():
        may_end.wait(60)
        raise addon.shared.errors.InputError("Not all of it is gone.", "Close the file.")

    operators = ("remove_backend", "forget_person", "look_over", "preprocess", "start_backend", "install_backend")
    free = {name for name in operators if getattr(bpy.ops.talker, name).poll()}
    assert free >= {"remove_backend", "forget_person", "preprocess"}
    removing.begin("person", work)
    try:
        assert not any(getattr(bpy.ops.talker, name).poll() for name in operators)
        assert {"talker.remove_backend", "talker.forget_person", "talker.look_over"} <= box().off
        assert addon.ui.reasons.preprocess(bpy.context, scene)
        with pytest.raises(RuntimeError, match="person is being removed"):
            removing.begin("backend", lambda: "")
        assert removing.turn() is not None
    finally:
        may_end.set()
        task = removing._State.task
        ended = task.wait(60)
        last = removing.turn()
        bpy.app.timers.unregister(removing.turn)
    assert ended and last is None and removing.running() == ""
    assert addon.jobs.shown.error(bpy.context) == ("Not all of it is gone.", "Close the file.")
    addon.jobs.shown.clear(bpy.context)
    assert {name for name in operators if getattr(bpy.ops.talker, name).poll()} == free
