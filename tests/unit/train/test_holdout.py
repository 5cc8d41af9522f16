"""What is kept out of training: which frames, and that nothing which learns comes near them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.media.audio_features import AudioFeatures
from backend.performance import mouth_prior
from backend.performance.learning import learn_speech, load_heard
from backend.settings import SpeechSettings, TrainSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.split import Split, frames_of, ranges_of
from backend.train.data import TrainingData
from backend.train.holdout import EVERYTHING, Holdout
from backend.train.trainer import prepare, train
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.synthetic_subject import SIZE, TINY, make_subject

TIMES = np.arange(500) / 25


def test_the_last_of_eleven_parts_is_kept_out_with_a_gap_before_it():
    split = Holdout(11).split(TIMES)
    assert (split.training.tolist(), split.held_out.tolist()) == (list(range(455)), list(range(455, 500)))
    gapped = Holdout(11, gap_s=0.3).split(TIMES)
    assert gapped.held_out.tolist() == split.held_out.tolist()
    assert gapped.training.tolist() == list(range(448))  # frame 448 is shown 0.28 s before frame 455


def test_a_part_in_the_middle_has_a_gap_on_either_side():
    split = Holdout(5, 2, gap_s=0.1).split(TIMES)
    assert split.held_out.tolist() == list(range(100, 200))
    assert split.training.tolist() == [*range(98), *range(202, 500)]


def test_the_parts_of_any_clip_hold_every_frame_once():
    for count in (12, 450, 451, 499):
        parts = [Holdout(11, fold).split(TIMES[:count]).held_out for fold in range(1, 12)]
        assert np.concatenate(parts).tolist() == list(range(count))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_without_a_holdout_all_frames_train_whatever_the_gap():
    split = replace(EVERYTHING, gap_s=9.0).split(TIMES)
    assert len(split.training) == 500 and len(split.held_out) == 0
    with pytest.raises(ValueError, match="no part 4 of 3"):
        Holdout(3, 4).split(TIMES)


def test_frames_are_written_as_ranges_from_1_and_read_again():
    frames = np.array([0, 1, 2, 5, 8, 9])
    assert ranges_of(frames) == [[1, 3], [6, 6], [9, 10]]
    assert frames_of(ranges_of(frames)).tolist() == frames.tolist()
    assert ranges_of(np.arange(0)) == [] and len(frames_of([])) == 0


def test_models_from_before_frames_were_listed_are_held_out_at_the_end():
    old = Split.of_record({"trained_frames": 8}, 11)
    assert (old.training.tolist(), old.held_out.tolist()) == (list(range(8)), [8, 9, 10])
    assert len(Split.of_record({}, 11).held_out) == 0
    assert Split.of_record({"learned_from": [[4, 9]], "held_out": [[1, 2]]}, 6).training.tolist() == [3, 4, 5]


def test_a_damaged_record_is_said_to_be_one(subject):
    model = ModelFolder.of(subject.root, "m2dao")
    model.make()
    model.update_config({"training": {"learned_from": [[1]], "held_out": []}})
    with pytest.raises(InputError, match="damaged.*Train the model again"):
        model.split(12)


@pytest.fixture
def long_subject(tmp_path, monkeypatch, subject):
    return make_subject(tmp_path / "long", frames=40)


KEPT_OUT = replace(TINY, holdout=4, holdout_fold=2, holdout_gap_s=0.1, steps=3)
HELD = slice(10, 20)
"""The second quarter of 40 frames."""
NEAR = slice(8, 22)
"""The same with its gap: 0.1 s are two frames and a half."""


def spoil(subject) -> None:
    """Change everything about the held-out frames and their gap: curves, poses, pictures, body, sound."""
    track = subject.track()
    track.curves[NEAR] = 1.0 - track.curves[NEAR]
    track.camera_from_head[NEAR, :3, 3] += 4.0
    track.landmarks[NEAR] += 3.0
    track.save(subject.root / layout.TRACK_FILE)
    for folder in (layout.FRAMES_FOLDER, layout.REGIONS_FOLDER):
        for frame in range(40)[NEAR]:
            other = (subject.root / folder / layout.frame_name(1)).read_bytes()
            (subject.root / folder / layout.frame_name(frame + 1)).write_bytes(other)
    path = subject.root / layout.AUDIO_FEATURES_FILE
    features = AudioFeatures.load(path)
    at = features.start_s + np.arange(len(features.log_mel)) / features.rate_hz
    features.log_mel[(at >= 10 / 25) & (at < 20 / 25)] = 3.0
    features.save(path)


@pytest.mark.parametrize("drive", ["curves", "audio"])
def test_nothing_of_a_new_portrait_depends_on_what_was_held_out(long_subject, drive):
    by_sound = replace(KEPT_OUT.portrait, drive="audio", field="net", jaw_link=False)
    settings = replace(KEPT_OUT, portrait=KEPT_OUT.portrait if drive == "curves" else by_sound)
    before = prepare(long_subject, settings)
    spoil(long_subject)
    after = prepare(long_subject, settings)
    for name, value in before.portrait.state_dict().items():
        assert np.array_equal(value.numpy(), after.portrait.state_dict()[name].numpy()), name
    assert set(before.sampler.frames) == set(after.sampler.frames) == set(range(40)) - set(range(40)[NEAR])
    assert np.array_equal(before.sampler.probabilities(1.0), after.sampler.probabilities(1.0))


def test_what_is_heard_of_a_frame_stays_within_the_gap():
    speech, gap_s = SpeechSettings(), TrainSettings().holdout_gap_s
    assert speech.half_width_s + speech.lead_s <= gap_s + 1e-9
    assert mouth_prior.HALF_WIDTH_S + 1 / mouth_prior.RATE_HZ <= gap_s


def test_a_voice_is_not_learned_from_what_was_held_out(long_subject, monkeypatch):
    monkeypatch.setattr(mouth_prior, "HALF_WIDTH_S", 0.02)  # this clip is short, and so are its gaps
    split = Holdout.of(KEPT_OUT).split(long_subject.track().times_s)
    settings = SpeechSettings(steps=20, half_width_s=0.04, lead_s=0.0, time_jitter_s=0.0, members=2, block_s=0.3)
    found = []
    for name in ("before", "after"):
        folder = ModelFolder.of(long_subject.root, name)
        folder.make()
        model = learn_speech(long_subject, folder, split.training, Reporter(), settings)
        found.append((model, load_heard(folder, long_subject.frame_count)))
        spoil(long_subject)
    (model, heard), (again, heard_again) = found
    for name, value in model.state().items():
        assert np.array_equal(value.numpy(), again.state()[name].numpy()), name
    assert np.array_equal(heard, heard_again, equal_nan=True)
    assert np.isnan(heard[NEAR]).all() and np.isfinite(np.delete(heard, range(40)[NEAR], axis=0)).all()


def test_a_model_tells_what_it_learned_from(long_subject, monkeypatch):
    def hear_nothing(subject, folder, *arguments, **options) -> None:
        np.save(folder.heard_file, np.full((40, 27), np.nan, np.float32))

    monkeypatch.setattr("backend.train.driving.learn_speech", hear_nothing)
    train(long_subject, KEPT_OUT, Reporter())
    record = long_subject.model(None).training_record()
    assert (record["learned_from"], record["held_out"]) == ([[1, 8], [23, 40]], [[11, 20]])
    assert long_subject.model(None).split(40).held_out.tolist() == list(range(40)[HELD])


def test_a_part_without_a_frame_is_refused_before_anything_is_trained(subject):
    with pytest.raises(InputError, match="cut into 5000 parts.*smaller --holdout"):
        TrainingData(subject, SIZE, Holdout(5000))
