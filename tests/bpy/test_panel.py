"""The sidebar draws with nothing set up, with everything set up and with damaged folders, asking only for what exists.

Background mode draws no windows, so the panel is drawn into a recorder that checks each call against Blender's own
description of its layouts.
"""

import builtins
import io
import json
import os
import re
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

EVERYTHING = ("PENDING", "RUNNING", "CANCELLING", "CANCELLED", "FAILED", "DONE")


class Recorder:
    """Stands in for a UILayout."""

    def __init__(self, bpy, texts=None):
        super().__setattr__("_bpy", bpy)
        super().__setattr__("texts", [] if texts is None else texts)

    def __setattr__(self, name, value):
        assert name in self._bpy.types.UILayout.bl_rna.properties, name

    def __getattr__(self, name):
        functions = self._bpy.types.UILayout.bl_rna.functions
        assert name in functions, f"UILayout has no {name}"
        parameters = functions[name].parameters

        def call(*values, **options):
            for option in options:
                assert option in parameters, f"{name} has no {option}"
            icon = options.get("icon")
            if icon is not None:
                assert icon in parameters["icon"].enum_items, icon
            if options.get("text"):
                self.texts.append(options["text"])
            if name in ("prop", "prop_search"):
                assert hasattr(values[0], values[1]), values
                self.texts.append(f"<{values[1]}>")
            if name == "prop_search":
                assert hasattr(values[2], values[3]), values
            if name == "operator":
                category, verb = values[0].split(".")
                assert hasattr(getattr(self._bpy.ops, category), verb)
                kind = getattr(self._bpy.ops, category).__getattr__(verb).get_rna_type()
                self.texts.append(f"[{values[0]}]")
                return types.SimpleNamespace(**dict.fromkeys(kind.properties.keys()))
            if name == "panel":
                return Recorder(self._bpy, self.texts), Recorder(self._bpy, self.texts)
            return Recorder(self._bpy, self.texts)

        return call


def settle(addon):
    """Wait until all that was asked for on the disk is read."""
    deadline = time.monotonic() + 60
    while addon.ui.scanning.is_reading():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def draw(addon, bpy, scene):
    """Draw a panel until it knows all that it asks for; returns its texts then."""

    def draw_once(name):
        layout = Recorder(bpy)
        panel = types.SimpleNamespace(layout=layout)
        getattr(addon.ui.panel, name).draw(panel, bpy.context)
        return " ".join(layout.texts)

    def run(name="TALKER_PT_view3d"):
        addon.ui.folders.forget()
        draw_once(name)
        settle(addon)
        draw_once(name)  # pictures are asked for once their folder is known
        settle(addon)
        return draw_once(name)

    return run


@pytest.fixture
def job(addon, bpy):
    yield bpy.context.window_manager.talker_job
    addon.jobs.shown.clear(bpy.context)


@pytest.fixture
def subject(tmp_path):
    folder = tmp_path / "subject"
    (folder / "models" / "m2dao").mkdir(parents=True)
    (folder / "models" / "m2dao" / "config.json").write_text("{}")
    (folder / "models" / "unfinished").mkdir()
    (folder / "contact_sheet.png").write_bytes(b"")
    quality = {"warnings": ["The face is small: 90 px."]}
    info = {"source": "clip.mp4", "frame_count": 450, "fps": "30000/1001", "quality": quality}
    (folder / "subject.json").write_text(json.dumps(info))
    return folder


@pytest.fixture
def checkpoint(subject):
    """A function that leaves a training's checkpoint in the subject: a safetensors file with one byte of weights."""

    def leave(progress, preset="draft", rounds=1, model="m2dao", name="checkpoint"):
        lengths = [{"steps": 3000, "minutes": None}] * rounds
        state = {
            "settings": "0", "recipe": "m2dao", "preset": preset, "rounds": lengths, "progress": progress,
            "step": 1350, "elapsed_s": 60.0,
        }  # fmt: skip
        weights = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
        header = json.dumps({"__metadata__": {"state": json.dumps(state)}, "weights": weights}).encode()
        path = subject / "models" / model / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")

    return leave


@pytest.mark.parametrize("panel", ["TALKER_PT_view3d", "TALKER_PT_sequencer"])
def test_with_nothing_set_up_it_says_what_to_do_at_every_step(draw, panel):
    text = draw(panel)
    for words in (
        "1  Footage",
        "2  Train",
        "3  Line",
        "4  Bring Back",
        "Choose a clip",
        "Preprocess the footage first",
    ):
        assert words in text
    for words in ("sound strip", "Train the head first", "choose the folder of one", "Backend: not started"):
        assert words in text


def test_a_subject_is_shown_with_its_warnings_and_finished_models(draw, scene, subject):
    scene.talker.subject = str(subject)
    text = draw()
    assert "450 frames at 29.97 fps from clip.mp4" in text
    assert "The face is small: 90 px." in text
    assert "Trained: m2dao" in text and "unfinished" not in text
    assert "Train the head first" not in text


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (None, "Consent: none recorded"),
        ({"given_by": "A. Nobody", "until": "2999-12-31"}, "Consent: given by A. Nobody until 2999-12-31"),
        ({"given_by": "A. Nobody", "until": "2001-01-01"}, "has ended on 2001-01-01"),
        ({"given_by": "A. Nobody", "withdrawn": "2001-01-01"}, "has withdrawn the consent on 2001-01-01"),
        ([], "consent.json is damaged"),
    ],
)
def test_what_the_person_has_agreed_to_is_shown_with_the_subject(draw, scene, subject, held, words):
    if held is not None:
        (subject / "consent.json").write_text(json.dumps({"schema": 1, **held} if isinstance(held, dict) else held))
    scene.talker.subject = str(subject)
    text = draw()
    assert words in text and "[talker.record_consent]" in text


def test_the_note_of_an_older_subject_is_its_consent(draw, scene, subject):
    info = json.loads((subject / "subject.json").read_text())
    (subject / "subject.json").write_text(json.dumps({**info, "consent": "by letter"}))
    scene.talker.subject = str(subject)
    assert "Consent: by letter" in draw()


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"source": "a", "frame_count": 1, "fps": "0"}'])
def test_a_damaged_subject_is_no_subject(draw, scene, subject, damage):
    (subject / "subject.json").write_text(damage)
    scene.talker.subject = str(subject)
    assert "Preprocess the footage first" in draw()


def test_a_rendered_line_is_shown(draw, scene, make_take):
    scene.talker.take = str(make_take())
    assert "12 frames at 25 fps" in draw()


def test_a_takes_length_is_read_from_its_manifest_and_not_from_its_long_camera(draw, scene, make_take):
    take = make_take("long")
    (take / "manifest.json").write_text(json.dumps({"frames": {"count": 15000, "fps": "24000/1001"}}))
    (take / "camera.json").write_text("too long to be parsed while Blender is at work")
    scene.talker.take = str(take)
    assert "15000 frames at 23.976 fps" in draw()


@pytest.mark.parametrize("state", EVERYTHING)
def test_every_state_of_a_job_can_be_drawn(addon, bpy, draw, job, state):
    job.state, job.verb, job.phase, job.step, job.total, job.eta_s = state, "train", "training", 30, 600, 75.0
    job.preview, job.message = "/some/preview.png", "The mouth opens little."
    if state == "FAILED":
        addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("It broke.", "Try again."))
    text = draw()
    running = state in ("PENDING", "RUNNING", "CANCELLING")
    assert ("[talker.cancel_job]" in text) == running
    assert ("training 30/600, 1 min 15 s left" in text) == running
    assert ("It broke. Try again." in text) == (state == "FAILED")


@pytest.mark.parametrize("backend", ["", "STARTING", "READY", "LOST", "STOPPING"])
def test_the_backends_state_is_said(draw, job, backend):
    job.backend = backend
    words = {"": "not started", "STARTING": "starting", "READY": "ready", "LOST": "lost", "STOPPING": "stopping"}
    assert f"Backend: {words[backend]}" in draw()


def test_a_text_is_broken_where_the_width_ends(addon):
    broken = addon.ui.wrapped_text.broken
    assert broken("the mouth opens little", 10, len) == ["the mouth", "opens", "little"]
    assert broken("short", 10, len) == ["short"]
    assert broken("an unbreakablepath and", 10, len) == ["an", "unbreakablepath", "and"]
    assert broken("", 10, len) == [""]


@pytest.mark.parametrize(
    ("left", "button", "words"),
    [
        (None, "Train from Scratch", "Takes the place of the model m2dao when it is done."),
        ({"progress": 0.45}, "Resume Training", "m2dao (draft) stopped at 45%."),
        ({"progress": 0.2, "rounds": 2}, "Resume Training", "m2dao (draft) stopped at 20% of a further round."),
        ({"progress": 1.0}, "Train Further", "m2dao (draft) is finished: 1350 steps."),
        (
            {"progress": 1.0, "preset": "film"},
            "Train from Scratch",
            "Takes the place of the model m2dao (film) when it is done.",
        ),
    ],
)
def test_the_train_button_says_what_it_will_do_with_the_model_that_is_there(
    draw, scene, subject, checkpoint, left, button, words
):
    scene.talker.subject, scene.talker.preset = str(subject), "draft"
    if left is not None:
        checkpoint(**left)
    text = draw()
    assert words in text
    assert f"{button} [talker.train]" in text
    assert text.count("[talker.train]") == (2 if button == "Train Further" else 1)
    assert ("Train from Scratch [talker.train]" in text) == (button in ("Train Further", "Train from Scratch"))


def test_a_finished_model_is_told_to_be_in_use_while_another_training_of_it_has_stopped(
    draw, scene, subject, checkpoint
):
    scene.talker.subject, scene.talker.preset = str(subject), "draft"
    checkpoint(progress=1.0)
    checkpoint(progress=0.4, name="checkpoint.next")
    text = draw()
    assert "m2dao (draft) stopped at 40%. The model of before is in use until it is done." in text
    assert "Resume Training [talker.train]" in text
    scene.talker.model = "unfinished"
    checkpoint(progress=0.4, model="unfinished", name="checkpoint.next")
    text = draw()
    assert "unfinished (draft) stopped at 40%." in text and "The model of before" not in text


def test_without_a_model_of_that_name_the_button_says_train(draw, scene, subject):
    scene.talker.subject, scene.talker.model = str(subject), "second"
    text = draw()
    assert "Train [talker.train]" in text and "Takes the place" not in text


def test_what_an_operator_had_to_leave_undone_is_shown_until_the_next_job(addon, bpy, draw, job):
    addon.jobs.shown.note_undone(bpy.context, "Do It All lost its file: render will not follow.", "Press it again.")
    assert "Do It All lost its file: render will not follow. Press it again." in draw()
    addon.jobs.shown.clear(bpy.context)
    assert "lost its file" not in draw()


@pytest.mark.parametrize(
    ("phase", "step", "total", "state", "words"),
    [
        ("", 0, 0, "PENDING", "train: waiting for its turn"),
        ("", 0, 0, "RUNNING", "train: getting ready"),
        ("prepare", 0, 0, "RUNNING", "train: prepare"),
        ("train", 749, 3000, "RUNNING", "train 749/3000, 1 min 10 s left"),
        ("train", 3000, 3000, "RUNNING", "train 3000/3000"),
        ("train", 749, 3000, "CANCELLING", "train 749/3000, 1 min 10 s left, cancelling"),
        ("prepare", 0, 0, "CANCELLING", "train: prepare cancelling"),
    ],
)
def test_a_job_is_described_in_one_line(addon, bpy, job, phase, step, total, state, words):
    job.verb, job.phase, job.step, job.total, job.state, job.eta_s = "train", phase, step, total, state, 70.0
    assert addon.jobs.words.one_line(job) == words


def test_the_step_that_is_being_done_shows_its_bar_in_place_of_its_button(draw, job, scene, subject):
    scene.talker.subject = str(subject)
    assert "[talker.train]" in draw()
    job.state, job.verb, job.phase, job.step, job.total = "RUNNING", "train", "train", 30, 600
    text = draw()
    assert "[talker.train]" not in text and "[talker.preprocess]" in text
    assert text.count("30/600") == 1 and text.count("[talker.cancel_job]") == 2


def test_a_running_installation_shows_its_packages_and_the_way_to_end_it(addon, bpy, monkeypatch):
    running = types.SimpleNamespace(packages=(43, 55), last_line="package 43 of 55: scipy==1.17.1")
    monkeypatch.setattr(addon.operators.install_backend, "running", lambda: running)
    layout = Recorder(bpy)
    addon.ui.environment.draw(layout, bpy.context)
    text = " ".join(layout.texts)
    assert text == "43 of 55 packages package 43 of 55: scipy==1.17.1 [talker.cancel_install]"


def test_what_a_job_has_left_is_seen_as_soon_as_it_has_ended(addon, job, subject):
    folders = addon.ui.folders
    folders.forget()

    def known():
        folders.subject(str(subject))
        settle(addon)
        return folders.subject(str(subject))

    job.job_id, job.state = "a", "RUNNING"
    (subject / "subject.json").rename(subject / "unfinished.json")
    assert known() is None
    (subject / "unfinished.json").rename(subject / "subject.json")
    job.state = "DONE"
    assert known().frames == 450


def test_the_steps_options_follow_their_choices(draw, scene, addon):
    settings = scene.talker
    for source in ("STRIP", "RANGE", "FILE"):
        for pose in ("LIFE", "RECORDED", "STILL", "OBJECT", "FILE"):
            settings.line_source, settings.pose_mode = source, pose
            drawn = draw()
            assert ("<head_life>" in drawn) == (pose == "LIFE")
            assert ("<face_life>" in drawn) == (pose != "RECORDED")
    scene.view_settings.view_transform = "AgX"
    assert "[talker.exact_colours]" in draw()
    addon.bridge.colour.make_exact(scene)
    assert "[talker.exact_colours]" not in draw()


def test_drawing_many_times_reads_a_folder_once(addon, bpy, scene, subject, monkeypatch):
    folders = addon.ui.folders
    folders.forget()
    reads = []
    real = folders._read_subject

    def read(folder):
        reads.append(folder)
        return real(folder)

    monkeypatch.setattr(folders, "_read_subject", read)
    monkeypatch.setattr(addon.ui.scanning, "READ_AGAIN_S", 1e9)
    for _ in range(50):
        folders.subject(str(subject))
        settle(addon)
    assert folders.subject(str(subject)).frames == 450
    assert len(reads) == 1


def test_no_file_is_read_in_the_thread_that_draws(addon, bpy, scene, subject, make_take, job, monkeypatch):
    """Each way to a file raises here when it is gone in Blender's main thread, also while readings are on their way."""
    scene.talker.subject, scene.talker.take = str(subject), str(make_take("drawn"))
    job.preview = str(subject / "contact_sheet.png")
    job.state, job.verb = "RUNNING", "train"
    addon.ui.folders.forget()
    main = threading.get_ident()

    def only_in_threads(function):
        def guarded(*arguments, **options):
            assert threading.get_ident() != main, f"{function} in the thread that draws"
            return function(*arguments, **options)

        return guarded

    with monkeypatch.context() as patched:
        for module, names in (
            (builtins, ("open",)),
            (io, ("open",)),
            (os, ("stat", "lstat", "listdir", "scandir", "mkdir", "open", "readlink")),
        ):
            for name in names:
                patched.setattr(module, name, only_in_threads(getattr(module, name)))
        for _ in range(4):
            layout = Recorder(bpy)
            for name in ("TALKER_PT_view3d", "TALKER_PT_sequencer"):
                getattr(addon.ui.panel, name).draw(types.SimpleNamespace(layout=layout), bpy.context)
            addon.ui.environment.draw(layout, bpy.context)
            settle(addon)
            addon.ui.scanning.turn()
    assert "450 frames at 29.97 fps from clip.mp4" in " ".join(layout.texts)
    assert "12 frames at 25 fps" in " ".join(layout.texts)


# What the panel says of buttons, jobs and takes --------------------------------------------------------------------


@pytest.fixture
def backend(addon, monkeypatch):
    """A function that says whether the backend is installed."""

    def say(is_installed):
        found = addon.ui.folders.ScannedBackend(is_installed, "words")
        monkeypatch.setattr(addon.ui.folders, "backend", lambda context: found)

    return say


@pytest.fixture
def disabled(addon, bpy, scene, monkeypatch):
    """A function that draws the panel and returns the operators in rows that are switched off."""
    off = set()
    real = Recorder.__setattr__

    def set_option(self, name, value):
        real(self, name, value)
        if name == "enabled" and not value:
            object.__setattr__(self, "is_off", True)

    get = Recorder.__getattr__

    def get_function(self, name):
        call = get(self, name)
        if name != "operator" or "is_off" not in self.__dict__:
            return call

        def noted(*values, **options):
            off.add(values[0])
            return call(*values, **options)

        return noted

    begin = Recorder.__init__

    def begin_anew(self, bpy, texts=None):
        begin(self, bpy, texts)
        if texts is None:
            off.clear()

    def run(draw):
        with monkeypatch.context() as patched:
            patched.setattr(Recorder, "__setattr__", set_option)
            patched.setattr(Recorder, "__getattr__", get_function)
            patched.setattr(Recorder, "__init__", begin_anew)
            return draw(), set(off)

    return run


JOBS = {"talker.preprocess", "talker.train", "talker.render_line", "talker.run_all"}


def test_without_a_backend_no_job_can_be_started_and_the_panel_says_why(
    addon, draw, disabled, scene, subject, backend, tmp_path
):
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(subject)
    settings.line_source, settings.line_file, settings.output = "FILE", str(tmp_path / "a.wav"), str(tmp_path)
    backend(False)
    text, off = disabled(draw)
    assert JOBS <= off
    assert text.count("Install the backend first.") == 3
    backend(True)
    text, off = disabled(draw)
    assert not JOBS & off and "Install the backend first." not in text


def test_where_a_consent_does_not_hold_nothing_is_trained_or_rendered(draw, disabled, scene, subject, backend):
    settings = scene.talker
    settings.subject, settings.line_source, settings.line_file = str(subject), "FILE", str(subject / "a.wav")
    backend(True)
    assert "talker.train" not in disabled(draw)[1]
    told = {"schema": 1, "given_by": "A. Nobody", "withdrawn": "2001-01-01"}
    (subject / "consent.json").write_text(json.dumps(told))
    assert {"talker.train", "talker.render_line"} <= disabled(draw)[1]


def test_without_online_access_the_panel_says_why_nothing_is_installed(
    addon, bpy, draw, disabled, backend, monkeypatch
):
    backend(False)
    monkeypatch.setattr(addon.ui.reasons, "install", lambda: addon.ui.reasons.NOT_ONLINE)
    text, off = disabled(draw)
    assert "talker.install_backend" in off
    assert "Online access is off" in text and "<use_online_access>" in text


@pytest.mark.parametrize("left_out", ["footage", "line_file", "pose_object"])
def test_a_button_whose_step_lacks_something_says_what(
    addon, draw, disabled, scene, subject, backend, tmp_path, left_out
):
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(subject)
    settings.line_source, settings.line_file, settings.output = "FILE", str(tmp_path / "a.wav"), str(tmp_path)
    backend(True)
    if left_out == "pose_object":
        settings.pose_mode = "OBJECT"
    else:
        setattr(settings, left_out, "")
    text, off = disabled(draw)
    words = {"footage": "Choose a clip", "line_file": "Choose the sound file", "pose_object": "Choose the object"}
    assert words[left_out] in text
    assert ("talker.preprocess" if left_out == "footage" else "talker.render_line") in off
    assert "talker.run_all" in off


def test_a_file_that_has_no_place_yet_is_to_be_saved_first(draw, disabled, scene, backend, tmp_path):
    backend(True)
    scene.talker.footage = str(tmp_path / "clip.mp4")
    text, off = disabled(draw)
    assert "Save the .blend first: subject lies beside it." in text and "talker.preprocess" in off


def test_an_error_is_gone_with_its_cause(addon, bpy, draw, scene, job):
    def go_wrong():
        addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("No such file.", "Choose another."))
        assert "No such file. Choose another." in draw()

    go_wrong()
    scene.talker.footage = "/another/clip.mp4"
    assert "No such file." not in draw()
    go_wrong()
    addon.jobs.shown.forget_error(bpy.context)
    assert "No such file." not in draw()
    go_wrong()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert "No such file." not in draw()


def test_a_cancelled_job_is_told_once_and_is_no_error(addon, bpy, draw, job):
    from_backend = addon.shared.jobs.JobInfo("a", "train", state=addon.shared.jobs.JobState.CANCELLED)
    from_backend.error = {"what": "The job was cancelled.", "do": "Start it again."}
    addon.jobs.shown.show(bpy.context, types.SimpleNamespace(info=from_backend, messages=[]))
    text = draw()
    assert text.count("ancelled") == 1 and "Cancelled: train. Start it again to continue." in text


def test_no_word_of_a_stopped_training_while_it_goes_on(draw, job, scene, subject, checkpoint):
    scene.talker.subject, scene.talker.preset = str(subject), "draft"
    checkpoint(progress=0.0, rounds=2)
    assert "stopped at 0% of a further round" in draw()
    job.state, job.verb, job.phase = "RUNNING", "train", "train"
    assert "stopped at" not in draw()


def test_what_stands_above_a_button_does_not_move_when_its_job_begins_or_ends(addon, bpy, draw, job, scene, subject):
    """Texts before each step's title: as many with a job as without one."""
    scene.talker.subject = str(subject)

    def lines_above(text):
        return len(re.findall(r"\[[^]]*\]|<[^>]*>|Backend: [a-z ]+|train \d+%.*?(?= \[)", text.split("1  Footage")[0]))

    idle = draw()
    job.state, job.verb, job.phase, job.step, job.total, job.message = "RUNNING", "train", "train", 30, 600, "A notice."
    running = draw()
    assert lines_above(running) == lines_above(idle) + 1  # the cross beside the bar, in its row
    assert running.split("1  Footage")[1].split("2  Train")[0] == idle.split("1  Footage")[1].split("2  Train")[0]
    job.state = "DONE"
    assert lines_above(draw()) == lines_above(idle)


def test_a_picture_has_its_place_before_it_is_there(draw, job, scene, subject):
    scene.talker.subject = str(subject)
    job.state, job.verb, job.phase = "RUNNING", "train", "train"
    assert "Its present state" in draw()


@pytest.mark.parametrize("line_id", ["scene/Scene/range/Scene_1-250", "scene/Scene/range/Scene_1-99", ""])
def test_the_tick_of_a_line_is_for_the_line_that_is_chosen(addon, draw, scene, make_take, tmp_path, line_id):
    settings = scene.talker
    settings.take = str(make_take("ticked", "--id", line_id))
    settings.line_source, settings.output, scene.frame_end = "RANGE", str(tmp_path), 250
    (manifest := Path(settings.take) / "manifest.json").write_text(
        json.dumps({"frames": {"count": 12, "fps": "25/1"}, "take_id": line_id})
    )
    assert manifest.is_file()
    text = draw()
    is_of_it = line_id in ("", "scene/Scene/range/Scene_1-250")
    assert addon.ui.folders.step_icon("line", scene) == ("CHECKMARK" if is_of_it else "DOT")
    assert ("of another line than the one chosen" in text) == (not is_of_it)


def test_what_a_render_will_show_is_said_where_there_is_a_choice(addon, draw, scene, make_take):
    addon.headless.bring_back(make_take("both"), 1)
    scene.render.use_sequencer = True
    assert "A render (F12) shows the timeline's strips. Render the Timeline <use_sequencer>" in draw()
    scene.render.use_sequencer = False
    assert "A render (F12) shows the compositor. Render the Timeline <use_sequencer>" in draw()
    for strip in list(addon.compat.strips(scene.sequence_editor)):
        if strip.type != "SOUND":
            addon.compat.strips(scene.sequence_editor).remove(strip)
    assert "A render (F12)" not in draw()


def test_a_finished_head_shows_its_scores(draw, scene, subject):
    scene.talker.subject = str(subject)
    assert "Not scored" in draw()
    (subject / "models" / "m2dao" / "evaluation").mkdir()
    rows = {"synthesised/psnr_head": np.array([31.0, np.nan, 33.0]), "synthesised/psnr_mouth": np.array([27.0, 27.2])}
    np.savez(subject / "models" / "m2dao" / "evaluation" / "scores.npz", **rows)  # type: ignore[arg-type]
    assert "Scored: head 32.0 dB, mouth 27.1 dB" in draw()
    (subject / "models" / "m2dao" / "evaluation" / "scores.npz").write_bytes(b"damaged")
    assert "Not scored" in draw()


def test_the_whole_job_has_one_bar_that_never_goes_back(addon, bpy, job):
    overall = addon.jobs.overall.Overall()
    done = [
        overall.update("a", "preprocess", *progress)
        for progress in (("decode", 0, 0), ("face", 5, 10), ("regions", 48, 48), ("regions", 1, 500), ("quality", 0, 0))
    ]
    assert done == sorted(done) and 0 <= done[0] and done[-1] < 1
    assert overall.update("a", "preprocess", "a phase of a later version", 1, 2) == done[-1]
    assert overall.update("b", "train", "train", 0, 0) < 0.5
    for verb, phases in addon.jobs.overall.PHASES.items():
        assert overall.update(verb, verb, phases[-1][0], 10, 10) == 1.0


def test_the_time_left_is_that_of_the_whole_job(addon, job, monkeypatch):
    monkeypatch.setattr(addon.jobs.overall.time, "time", lambda: 1100.0)
    assert addon.jobs.overall.left_s(0.25, 1000.0) == pytest.approx(300.0)
    assert addon.jobs.overall.left_s(0.01, 1000.0) < 0 and addon.jobs.overall.left_s(0.5, 1099.0) < 0
    job.verb, job.phase, job.overall, job.overall_eta_s = "train", "train", 0.25, 300.0
    job.chain_step, job.chain_steps = 2, 3
    assert addon.jobs.words.overall(job) == "2 of 3: train 25%, about 5 min 0 s left"


@pytest.mark.parametrize(
    ("is_installed", "is_current", "button"),
    [(False, False, "Install Backend"), (True, False, "Update Backend"), (True, True, "Repair Backend")],
)
def test_the_button_of_the_environment_says_what_it_does(addon, bpy, monkeypatch, is_installed, is_current, button):
    found = addon.ui.folders.ScannedBackend(is_installed, "words", is_current)
    monkeypatch.setattr(addon.ui.folders, "backend", lambda context: found)
    layout = Recorder(bpy)
    addon.ui.environment.draw(layout, bpy.context)
    assert f"{button} [talker.install_backend]" in " ".join(layout.texts)
