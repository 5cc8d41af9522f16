"""What each button of the panel says it does, and why one cannot be pressed."""

import json

import pytest

from tests.bpy.recorder import Recorder


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


@pytest.fixture(autouse=True)
def files(tmp_path):
    """The footage and the line that these tests choose."""
    for name in ("clip.mp4", "a.wav"):
        (tmp_path / name).write_bytes(b"")


JOBS = {
    "talker.evaluate", "talker.preprocess", "talker.render_line", "talker.run_all", "talker.start_backend",
    "talker.train",
}  # fmt: skip


def test_without_a_backend_no_job_can_be_started_and_the_panel_says_why(
    addon, disabled, scene, subject, backend, tmp_path
):
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(subject)
    settings.line_source, settings.line_file, settings.output = "FILE", str(tmp_path / "a.wav"), str(tmp_path)
    backend(False)
    text, off = disabled()
    assert JOBS <= off
    assert text.count("Install the backend first.") == 3
    backend(True)
    text, off = disabled()
    assert not JOBS & off and "Install the backend first." not in text


def test_where_a_consent_does_not_hold_nothing_is_trained_or_rendered(disabled, scene, subject, backend):
    settings = scene.talker
    settings.subject, settings.line_source, settings.line_file = str(subject), "FILE", str(subject / "a.wav")
    backend(True)
    assert "talker.train" not in disabled()[1]
    told = {"schema": 1, "given_by": "A. Nobody", "withdrawn": "2001-01-01"}
    (subject / "consent.json").write_text(json.dumps(told))
    assert {"talker.train", "talker.render_line"} <= disabled()[1]


def test_without_online_access_the_panel_says_why_nothing_is_installed(
    addon, bpy, draw, disabled, backend, monkeypatch
):
    backend(False)
    monkeypatch.setattr(addon.ui.reasons, "install", lambda: addon.ui.reasons.NOT_ONLINE)
    text, off = disabled()
    assert "talker.install_backend" in off
    assert "Online access is off" in text and "<use_online_access>" in text


@pytest.mark.parametrize("left_out", ["footage", "line_file", "pose_object"])
def test_a_button_whose_step_lacks_something_says_what(addon, disabled, scene, subject, backend, tmp_path, left_out):
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(subject)
    settings.line_source, settings.line_file, settings.output = "FILE", str(tmp_path / "a.wav"), str(tmp_path)
    backend(True)
    if left_out == "pose_object":
        settings.pose_mode = "OBJECT"
    else:
        setattr(settings, left_out, "")
    text, off = disabled()
    words = {"footage": "Choose a clip", "line_file": "Choose the sound file", "pose_object": "Choose the object"}
    assert words[left_out] in text
    assert ("talker.preprocess" if left_out == "footage" else "talker.render_line") in off
    assert "talker.run_all" in off


def test_a_file_that_has_no_place_yet_is_to_be_saved_first(disabled, scene, backend, tmp_path):
    backend(True)
    scene.talker.footage = str(tmp_path / "clip.mp4")
    text, off = disabled()
    assert "Save the .blend first: subject lies beside it." in text and "talker.preprocess" in off


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


@pytest.mark.parametrize(
    ("left_out", "operator"), [("footage", "talker.preprocess"), ("line_file", "talker.render_line")]
)
def test_a_file_that_is_gone_is_named_before_a_button_is_pressed(
    disabled, scene, subject, backend, tmp_path, left_out, operator
):
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(subject)
    settings.line_source, settings.line_file, settings.output = "FILE", str(tmp_path / "a.wav"), str(tmp_path)
    backend(True)
    assert not {operator, "talker.run_all"} & disabled()[1]
    setattr(settings, left_out, str(tmp_path / "gone.xyz"))
    text, off = disabled()
    assert "file" in text and f"{tmp_path / 'gone.xyz'}: choose the" in text and {operator, "talker.run_all"} <= off


WORKS_ALWAYS = {"talker.copy_debug_info", "talker.open_manual"}


def test_in_an_empty_file_without_a_backend_no_button_can_be_pressed_that_cannot_work(
    bpy, recorded, scene, backend, monkeypatch, addon
):
    monkeypatch.setattr(addon.ui.reasons, "install", lambda: addon.ui.reasons.NOT_ONLINE)
    backend(False)
    layout = recorded()
    drawn = {text[1:-1] for text in layout.texts if text.startswith("[talker.")}
    can_be_pressed = {name for name in drawn - layout.off if getattr(bpy.ops.talker, name.split(".")[1]).poll()}
    assert can_be_pressed == WORKS_ALWAYS


def test_what_was_brought_back_can_be_taken_out_again(addon, disabled, scene, make_take):
    exports = {"talker.export_timeline", "talker.export_camera"}
    assert exports <= disabled()[1]
    addon.headless.bring_back(make_take("exported"), 1)
    assert not exports & disabled()[1]
