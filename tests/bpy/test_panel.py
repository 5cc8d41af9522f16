"""What the panel shows of subjects, takes and a scene's choices, with nothing set up and with everything."""

import json
from pathlib import Path

import numpy as np
import pytest


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


def test_what_preprocessing_chose_is_shown(draw, scene, subject):
    info = json.loads((subject / "subject.json").read_text())
    quality = info["quality"] | {"face_height_px": 212.4, "usable_frames": 441, "frames": 450}
    chosen = {
        "quality": quality, "footage_first": 30, "footage_turns": 2, "audio_offset_s": 0.08,
        "audio_offset_corrected": True, "footage_colour": {"space": "hlg-rec2020", "bits": 10},
    }  # fmt: skip
    (subject / "subject.json").write_text(json.dumps({**info, **chosen}))
    scene.talker.subject = str(subject)
    text = draw()
    for words in (
        "Used: 1.0 s to 16.0 s of the footage",
        "Turned by 180°",
        "Face: 212 px high, seen in 98% of the frames",
        "Sound: 0.08 s late, corrected",
        "Colour: read as hlg-rec2020, 10 bits",
    ):
        assert words in text


def test_a_subject_without_what_older_ones_lack_is_shown_too(draw, scene, subject):
    scene.talker.subject = str(subject)
    text = draw()
    assert "Used: 0.0 s to 15.0 s of the footage" in text and "Face:" not in text and "Sound:" not in text


def test_options_that_a_warning_names_are_named_as_the_panel_has_them(draw, scene, subject):
    info = json.loads((subject / "subject.json").read_text())
    info["quality"]["warnings"] = ["Number 2 is taken as the speaker. --speaker N takes another."]
    (subject / "subject.json").write_text(json.dumps(info))
    scene.talker.subject = str(subject)
    assert "Number 2 is taken as the speaker. Speaker (Footage > Options) takes another." in draw()


def test_the_footages_options_say_how_many_are_changed(draw, scene):
    assert "Options (" not in draw()
    scene.talker.footage_speaker, scene.talker.footage_start = 2, 1.0
    assert "Options (2 changed)" in draw()


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


def test_a_text_is_broken_where_the_width_ends(addon):
    broken = addon.ui.wrapped_text.broken
    assert broken("the mouth opens little", 10, len) == ["the mouth", "opens", "little"]
    assert broken("short", 10, len) == ["short"]
    assert broken("an unbreakablepath and", 10, len) == ["an", "unbreakablepath", "and"]
    assert broken("", 10, len) == [""]


def test_the_steps_options_follow_their_choices(draw, scene, addon):
    settings = scene.talker
    for source in ("STRIP", "RANGE", "FILE"):
        for pose in ("LIFE", "RECORDED", "STILL", "OBJECT", "FILE"):
            settings.line_source, settings.pose_mode = source, pose
            drawn = draw()
            assert ("<head_life>" in drawn) == (pose == "LIFE")
            assert ("<face_life>" in drawn) == (pose != "RECORDED")


def test_colours_are_warned_of_where_there_is_a_take(draw, scene, addon, make_take):
    scene.view_settings.view_transform = "AgX"
    assert "[talker.exact_colours]" not in draw(), "nothing of the footage is in the file yet"
    scene.talker.take = str(make_take("coloured"))
    assert "[talker.exact_colours]" in draw()
    addon.bridge.colour.make_exact(scene)
    assert "[talker.exact_colours]" not in draw()


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
    assert "Not scored yet. [talker.evaluate]" in draw()
    (subject / "models" / "m2dao" / "evaluation").mkdir()
    rows = {"synthesised/psnr_head": np.array([31.0, np.nan, 33.0]), "synthesised/psnr_mouth": np.array([27.0, 27.2])}
    np.savez(subject / "models" / "m2dao" / "evaluation" / "scores.npz", **rows)  # type: ignore[arg-type]
    assert "Scored: close to the footage (head 32.0 dB, mouth 27.1 dB)" in draw()
    assert "[talker.evaluate]" not in draw()
    (subject / "models" / "m2dao" / "evaluation" / "scores.npz").write_bytes(b"damaged")
    assert "Not scored" in draw()


@pytest.mark.parametrize(
    ("head", "mouth", "words"),
    [
        (34.0, 30.0, "very close to the footage"),
        (34.0, 27.0, "close to the footage"),
        (28.0, 24.0, "soft in places"),
        (28.0, 20.0, "far from the footage"),
    ],
)
def test_a_score_is_said_in_words_by_the_worse_of_head_and_mouth(addon, tmp_path, head, mouth, words):
    (tmp_path / "evaluation").mkdir()
    rows = {"synthesised/psnr_head": np.array([head]), "synthesised/psnr_mouth": np.array([mouth])}
    np.savez(tmp_path / "evaluation" / "scores.npz", **rows)  # type: ignore[arg-type]
    assert addon.ui.scores.in_words(tmp_path).startswith(words)


def test_a_head_that_has_seen_every_frame_offers_no_score(draw, scene, subject, checkpoint):
    checkpoint(progress=1.0, preset="film")
    scene.talker.subject = str(subject)
    assert "learned from every frame" in draw() and "[talker.evaluate]" not in draw()
