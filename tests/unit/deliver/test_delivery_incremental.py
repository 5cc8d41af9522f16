"""A line that is rendered again after an edit: which frames are drawn, and that they are those of a full render."""

from __future__ import annotations

import functools
import json
import os
import threading
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from backend.deliver import render as rendering
from backend.deliver.camera_file import write_camera
from backend.deliver.line import plan_line
from backend.media import exr
from backend.media.audio import load_audio, save_wav
from backend.media.audio_features import log_mel
from backend.media.encode import GROUP_FRAMES, MovieWriter
from backend.performance import mouth_prior
from backend.performance.curves import CURVE_NAMES, Performance
from backend.performance.parts import _starts
from backend.performance.speech import SpeechModel
from backend.performance.stress import stress_of
from backend.performance.voice import Reach, Voice
from backend.portrait.portrait import PortraitFrame
from backend.settings import RenderSettings, SpeechSettings
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import SteadySpeech, make_stage
from tests.support.lively_clip import make_lively, spoken

pytestmark = pytest.mark.slow  # together: processes, or whole renders, in every test

RATE = 16000
FPS = Fraction(25)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """As make_stage, with a longer line: three seconds."""
    subject, portrait, sound, out = make_stage(tmp_path, monkeypatch)
    save_wav(sound, np.random.default_rng(0).standard_normal(3 * RATE) * 0.1, RATE)
    return subject, portrait, sound, out


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """(n,) noise in words of a third of a second, each of its own loudness and colour, with pauses between."""
    rng = np.random.default_rng(seed)
    words: list[np.ndarray] = []
    while sum(len(word) for word in words) < seconds * RATE:
        word = np.convolve(rng.standard_normal(RATE // 3), rng.standard_normal(9), "same")
        words += [word * np.hanning(len(word)) * rng.uniform(0.02, 0.08), np.zeros(RATE // 10)]
    return np.concatenate(words)[: round(seconds * RATE)].astype(np.float32)


@functools.cache
def trained_speech() -> SpeechModel:
    """A speech model that has hardly learned, listens as every other does, and believes all that it hears."""
    sound, times_s = speech(8.0, seed=9), np.arange(200) / 25
    curves = np.random.default_rng(0).random((200, len(CURVE_NAMES)))
    state = SpeechModel.fit(log_mel(sound, RATE), curves, times_s, SpeechSettings(steps=2)).state()
    state["readout"] = 0.3 * torch.randn(state["readout"].shape, generator=torch.Generator().manual_seed(0))
    return SpeechModel.from_state(state)


def listen(monkeypatch, model) -> None:
    monkeypatch.setattr(SpeechModel, "load", classmethod(lambda cls, folder: model))


def render(stage, **options):
    """Render the stage's line; returns the result and the numbers of the frames that were drawn."""
    subject, portrait, sound, out = stage
    portrait.drawn.clear()
    result = rendering.render(subject, sound, out, RenderSettings(**options), Reporter())
    assert result.rendered == len(portrait.drawn) and result.rendered + result.kept == result.last - result.first + 1
    return result, sorted(index + 1 for index in portrait.drawn)


def pictures(out) -> dict[str, bytes]:
    """Bytes of every frame and of the movie."""
    return {path.name: path.read_bytes() for path in [*out.glob("head.*"), out / layout.PREVIEW_FILE]}


def full_render(stage, **options) -> dict[str, bytes]:
    """`pictures` of the same line with nothing to go on from but the voice it was first heard in."""
    _, _, _, out = stage
    for path in out.iterdir():
        if path.name != layout.VOICE_FILE:
            path.unlink()
    result, _ = render(stage, **options)
    assert result.kept == 0
    return pictures(out)


def edit_performance(out, path, frames: slice):
    """The delivered curves with the jaw opened in `frames`, as a file."""
    performance = Performance.load(out / layout.PERFORMANCE_FILE)
    performance.curves["jawOpen"][frames] = 0.9
    performance.save(path)
    return str(path)


@pytest.mark.parametrize("layers", ["exr", "png"])
def test_after_edited_curves_only_their_frames_are_drawn_and_all_is_as_in_a_full_render(stage, tmp_path, layers):
    _, _, _, out = stage
    render(stage, layers=layers)
    edited = edit_performance(out, tmp_path / "edited.json", slice(30, 33))
    result, drawn = render(stage, layers=layers, performance=edited)
    assert drawn == [31, 32, 33] and result.kept == 72
    incremental = pictures(out)
    assert incremental == full_render(stage, layers=layers, performance=edited)
    assert len(incremental) == 76


def test_a_movie_without_frame_files_is_brought_up_to_date_by_groups(stage, tmp_path):
    _, _, _, out = stage
    render(stage, layers="mp4")
    edited = edit_performance(out, tmp_path / "edited.json", slice(30, 33))
    _, drawn = render(stage, layers="mp4", performance=edited)
    on_sheet = {1, 8, 14, 21, 28, 35, 41, 48, 55, 62, 68, 75}
    assert set(drawn) - on_sheet == set(range(GROUP_FRAMES + 1, 2 * GROUP_FRAMES + 1)) - on_sheet
    assert pictures(out) == full_render(stage, layers="mp4", performance=edited)


def test_only_the_groups_of_changed_frames_are_coded_again(stage, tmp_path, monkeypatch):
    _, _, _, out = stage
    render(stage)
    coded = []
    write = MovieWriter.write

    def write_and_note(self, rgb):
        coded.append(rgb)
        write(self, rgb)

    monkeypatch.setattr(MovieWriter, "write", write_and_note)
    render(stage)
    assert coded == []
    render(stage, performance=edit_performance(out, tmp_path / "edited.json", slice(30, 31)))
    assert len(coded) == GROUP_FRAMES
    (out / layout.PREVIEW_FILE).write_bytes((out / layout.PREVIEW_FILE).read_bytes() + b"\0")
    coded.clear()
    assert render(stage, performance=str(tmp_path / "edited.json"))[1] == []
    assert len(coded) == 75  # the movie is not the one that was left: no part of it is trusted


def test_delivered_curves_given_back_draw_nothing_again(stage):
    _, _, _, out = stage
    render(stage)
    assert render(stage, performance=str(out / layout.PERFORMANCE_FILE))[1] == []


def test_edited_poses_draw_their_frames_alone(stage, tmp_path):
    subject, portrait, _, out = stage
    poses = np.tile(subject.track().camera_from_head[:1], (75, 1, 1))
    path = tmp_path / "poses.json"

    def write() -> None:
        write_camera(path, FPS, portrait.intrinsics(32), subject.crop, (32, 32), poses)

    write()
    render(stage, pose=str(path))
    poses[40:44, 0, 3] += 0.5
    write()
    assert render(stage, pose=str(path))[1] == [41, 42, 43, 44]
    incremental = pictures(out)
    assert incremental == full_render(stage, pose=str(path))


@pytest.mark.slow
def test_moving_a_word_of_a_long_line_draws_only_what_hears_it(stage, monkeypatch):
    subject, _, sound, out = stage
    listen(monkeypatch, trained_speech())
    line = speech(20.0)
    save_wav(sound, line, RATE)
    assert len(render(stage, pose="recorded")[1]) == 500
    first, last = round(8.0 * RATE), round(9.0 * RATE)
    line[first:last] = np.roll(line[first:last], RATE // 12)
    save_wav(sound, line, RATE)
    result, drawn = render(stage, pose="recorded")
    heard = SpeechSettings()
    around_s = 0.06  # a spectrum's width, the resampling's and a frame
    prior_s = mouth_prior.HALF_WIDTH_S + 1 / mouth_prior.RATE_HZ
    earliest = (8.0 - max(heard.half_width_s + heard.lead_s, prior_s) - around_s) * FPS + 1
    latest = (9.0 + max(heard.half_width_s - heard.lead_s, prior_s) + around_s) * FPS + 1
    assert earliest <= drawn[0] and drawn[-1] <= latest
    # Lips that are wholly shut before and after are the same picture.
    assert len(set(range(206, 221)) - set(drawn)) <= 1 and result.kept >= 460
    incremental = pictures(out)
    assert incremental == full_render(stage, pose="recorded")


def test_a_longer_line_keeps_what_it_had_and_a_shorter_one_leaves_no_frames_behind(stage, monkeypatch):
    subject, _, sound, out = stage
    listen(monkeypatch, trained_speech())
    line = speech(4.0)
    save_wav(sound, line[: 3 * RATE], RATE)
    render(stage, pose="recorded")
    save_wav(sound, line, RATE)
    assert render(stage, pose="recorded")[1][0] >= 66  # frame 75 is the old line's last, and hears 0.3 s ahead
    save_wav(sound, line[: 2 * RATE], RATE)
    assert render(stage, pose="recorded")[1][0] >= 41
    assert sorted(path.name for path in out.glob("head.*"))[-1] == "head.000050.exr"


@pytest.mark.slow
def test_after_a_word_was_moved_head_and_eyes_move_anew_around_it_only(stage, monkeypatch):
    subject, _, sound, out = stage
    make_lively(subject)
    line = spoken(20.0, 3)
    save_wav(sound, line, RATE)
    render(stage)
    first, last = round(8.0 * RATE), round(9.0 * RATE)
    line[first:last] = np.roll(line[first:last], RATE // 12)
    save_wav(sound, line, RATE)
    features = log_mel(line, RATE)
    fresh = [start for start, is_fresh in _starts(stress_of(features, Voice.of(features)), 4.5) if is_fresh]
    earliest = max([start for start in fresh if start < 8.0 - 5.0], default=0.0) - 1.0
    latest = min([start for start in fresh if start > 9.0 + 5.0], default=20.0) + 1.0
    result, drawn = render(stage)
    assert earliest * 25 <= drawn[0] and drawn[-1] <= latest * 25 and result.kept > 150
    assert pictures(out) == full_render(stage)


def test_a_take_from_before_there_was_life_opens_and_keeps_its_frames_under_recorded_poses(stage, tmp_path):
    _, _, _, out = stage
    render(stage, pose="recorded")
    manifest = json.loads((out / layout.MANIFEST_FILE).read_text())
    for name in ("head_life", "face_life"):
        del manifest["settings"][name]
    (out / layout.MANIFEST_FILE).write_text(json.dumps(manifest))
    before = tmp_path / "before.json"
    before.write_bytes((out / layout.PERFORMANCE_FILE).read_bytes())
    assert render(stage, pose="recorded")[1] == []
    render(stage, performance=str(before))
    assert Performance.load(out / layout.PERFORMANCE_FILE).curves.keys() == Performance.load(before).curves.keys()
    assert np.array_equal(Performance.load(out / layout.PERFORMANCE_FILE).array(), Performance.load(before).array())


def test_poses_beyond_the_recording_do_not_depend_on_where_the_line_ends(stage):
    subject, _, sound, _ = stage
    lines = {}
    for seconds in (3, 4):
        save_wav(sound, np.ones(seconds * RATE, np.float32) * 0.1, RATE)
        lines[seconds] = plan_line(subject, SteadySpeech(), sound, RenderSettings(pose="recorded"), Reporter())
    assert len(lines[3].poses) == 75 > subject.frame_count
    assert np.array_equal(lines[3].poses, lines[4].poses[:75])
    first, second = (line.performance.array()[:75] for line in lines.values())
    assert np.array_equal(first, second)


def test_a_line_goes_on_being_heard_in_its_voice_until_another_speaks_it(stage, monkeypatch):
    subject, portrait, sound, out = stage
    listen(monkeypatch, trained_speech())
    save_wav(sound, speech(3.0), RATE)
    render(stage)
    first_heard = (out / layout.VOICE_FILE).read_text()
    line = speech(3.0)
    line[RATE : RATE + RATE // 3] *= 2.0
    save_wav(sound, line, RATE)
    render(stage)
    assert (out / layout.VOICE_FILE).read_text() == first_heard
    save_wav(sound, np.diff(speech(3.0, seed=5), prepend=0.0) * 8.0, RATE)
    said = []
    rendering.render(subject, sound, out, RenderSettings(), Reporter(sink=lambda p: said.append(p.message)))
    assert (out / layout.VOICE_FILE).read_text() != first_heard
    assert any("another voice" in text for text in said if text)


def test_a_voice_comes_back_from_its_file_to_the_bit(tmp_path):
    voice = Voice.of(log_mel(speech(2.0), RATE))
    assert voice is not None
    again = Voice.from_dict(json.loads(json.dumps(voice.to_dict())))
    assert np.array_equal(again.mean, voice.mean) and np.array_equal(again.deviation, voice.deviation)
    assert again.seconds == voice.seconds and again.is_like(voice)
    assert not again.is_like(replace(voice, mean=voice.mean + voice.deviation))
    assert again.reach is None
    reach = Reach(np.random.default_rng(0).standard_normal(27), 1.1)
    brought = Voice.from_dict(json.loads(json.dumps(replace(voice, reach=reach).to_dict()))).reach
    assert brought is not None and np.array_equal(brought.mean, reach.mean) and brought.scale == reach.scale
    with pytest.raises(ValueError, match="shape"):
        Voice.from_dict(voice.to_dict() | {"mean": [0.0]})
    with pytest.raises(ValueError, match="curves"):
        Voice.from_dict(voice.to_dict() | {"reach": {"mean": [0.0], "scale": 1.0}})


def test_frames_without_the_right_key_in_them_are_drawn_again_whatever_the_manifest_says(stage):
    _, _, _, out = stage
    render(stage)
    whole = pictures(out)
    (out / "head.000002.exr").write_bytes((out / "head.000001.exr").read_bytes()[:200])
    (out / "head.000003.exr").unlink()
    assert render(stage)[1] == [2, 3]
    assert pictures(out) == whole


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-300] ^= 1
    path.write_bytes(bytes(data))


def lose_a_block(path):
    data = path.read_bytes()
    path.write_bytes(data[:-200] + bytes(200))


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


def empty(path):
    path.write_bytes(b"")


def make_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("layers", ["exr", "png"])
@pytest.mark.parametrize("damage", [cut, flip, lose_a_block, lengthen, empty, make_a_pipe])
def test_a_damaged_frame_is_named_and_drawn_again_and_no_other(stage, layers, damage):
    if damage is make_a_pipe and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    subject, portrait, sound, out = stage
    options = RenderSettings(layers=layers, frames="1:4")
    rendering.render(subject, sound, out, options, Reporter())
    whole = pictures(out)
    damage(out / f"head.000003.{layers}")
    portrait.drawn.clear()
    said = []
    report = Reporter(lambda progress: said.append(progress.message))
    result = rendering.render(subject, sound, out, options, report)
    assert (result.rendered, portrait.drawn) == (1, [2])
    assert pictures(out) == whole
    assert f"Damaged, and drawn again: head.000003.{layers}." in said


def test_a_take_takes_its_own_id_only_whatever_it_is_called(stage, tmp_path):
    _, _, sound, out = stage
    render(stage, take_id="line A", frames="1:4")
    with pytest.raises(InputError, match="another take"):
        render(stage, take_id="line_A", frames="1:4")
    save_wav(sound, load_audio(sound) * 0.5, RATE)
    assert render(stage, take_id="line A", take="renamed", frames="1:4")[1] == []
    assert json.loads((out / layout.MANIFEST_FILE).read_text())["take_id"] == "line A"


def test_a_take_without_an_id_of_the_callers_keeps_the_one_that_it_got(stage):
    _, _, _, out = stage
    render(stage, frames="1:2")
    given = json.loads((out / layout.MANIFEST_FILE).read_text())["take_id"]
    render(stage, frames="1:4")
    assert json.loads((out / layout.MANIFEST_FILE).read_text())["take_id"] == given


def test_what_a_killed_render_left_half_written_is_removed_and_told(stage):
    subject, _, sound, out = stage
    render(stage, frames="1:2")
    (out / "head.000003.exr.12.0.partial").write_bytes(bytes(2_000_000))
    said = []
    report = Reporter(lambda progress: said.append(progress.message))
    rendering.render(subject, sound, out, RenderSettings(frames="1:2"), report)
    assert not list(out.glob("*.partial*"))
    assert any(text and "head.000003.exr (2.0 MB)" in text for text in said)


def test_two_renders_of_one_take_wait_for_each_other(stage):
    subject, portrait, sound, out = stage
    portrait.drawn.clear()
    options = RenderSettings(frames="1:4")
    ended = []
    threads = [
        threading.Thread(target=lambda: ended.append(rendering.render(subject, sound, out, options, Reporter())))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.rendered for result in ended) == [0, 0, 4]
    assert sorted(portrait.drawn) == [0, 1, 2, 3]
    assert not out.with_name("out.lock").exists()


def test_other_weights_another_size_or_other_layers_draw_everything(stage):
    subject, _, _, out = stage
    render(stage)
    assert len(render(stage, size=48)[1]) == 75
    assert len(render(stage, size=48, layers="png")[1]) == 75
    assert not list(out.glob("*.exr"))
    (layout.model_folder(subject.root, "disc") / layout.MODEL_WEIGHTS_FILE).write_bytes(b"other weights")
    assert len(render(stage, size=48, layers="png")[1]) == 75


def test_edited_sound_in_the_same_file_is_the_same_take(stage):
    _, _, sound, out = stage
    render(stage)
    save_wav(sound, load_audio(sound) * 0.5, RATE)
    assert render(stage)[1] == []  # this speech model says the same of every sound
    assert np.abs(load_audio(out / layout.AUDIO_FILE) - load_audio(sound)).max() < 1e-4
    with av.open(str(out / layout.PREVIEW_FILE)) as movie:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in movie.decode(audio=0)])
    assert 0.03 < heard.std() < 0.07


def test_a_file_of_the_same_name_elsewhere_is_another_take_unless_the_user_says_otherwise(stage, tmp_path):
    subject, portrait, sound, out = stage
    render(stage)
    elsewhere = tmp_path / "other shot"
    elsewhere.mkdir()
    save_wav(elsewhere / sound.name, load_audio(sound) * 0.5, RATE)
    moved = (subject, portrait, elsewhere / sound.name, out)
    with pytest.raises(InputError, match=r"another take.*--take line.wav"):
        render(moved)
    assert render(moved, take="line.wav")[1] == []
    save_wav(elsewhere / "same sound.wav", load_audio(elsewhere / sound.name), RATE)
    assert (
        render((subject, portrait, elsewhere / "same sound.wav", out))[0].rendered == 75
    )  # its name is in every frame


def test_a_disk_that_fills_up_stops_the_render_and_leaves_whole_frames_only(stage, monkeypatch):
    _, portrait, _, out = stage
    write = exr.write_layers

    def until_full(path, *given):
        if path.name == "head.000012.exr":
            raise InputError(f"{path} cannot be written (No space left on device).", "Check the free space.")
        write(path, *given)

    with monkeypatch.context() as patch:
        patch.setattr(exr, "write_layers", until_full)
        with pytest.raises(InputError, match="No space left"):
            render(stage)
    assert len(portrait.drawn) < 40
    assert [path.name for path in out.iterdir()] == ["unfinished"]
    unfinished = out / "unfinished"
    assert not list(unfinished.glob("*.partial")) and not (unfinished / layout.PREVIEW_FILE).exists()
    assert json.loads((unfinished / layout.MANIFEST_FILE).read_text())["complete"] is False
    kept = {path.name for path in unfinished.glob("head.*")}
    assert set(render(stage)[1]) == {n for n in range(1, 76) if f"head.{n:06d}.exr" not in kept}


def test_an_earlier_movie_stays_until_the_new_one_is_whole(stage, tmp_path, monkeypatch):
    _, portrait, _, out = stage
    render(stage)
    before = (out / layout.PREVIEW_FILE).read_bytes()
    edited = edit_performance(out, tmp_path / "edited.json", slice(70, 75))

    def broken(*arguments, **options) -> PortraitFrame:
        raise RuntimeError("the portrait breaks")

    with monkeypatch.context() as patch:
        patch.setattr(portrait, "render", broken)
        with pytest.raises(RuntimeError, match="breaks"):
            render(stage, performance=edited)
    assert (out / layout.PREVIEW_FILE).read_bytes() == before
    assert render(stage, performance=edited)[1] == [71, 72, 73, 74, 75]
