"""A long line takes little more than a short one: its sound goes through in blocks, and of its curves a chunk makes its
own alone. Everything has the bits that it has in one piece."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from backend.deliver.line import line_frames, plan_line
from backend.media.audio import (
    after,
    fitted,
    read_audio,
    resample,
    resampled,
    save_wav,
    save_wav_blocks,
)
from backend.media.audio_features import AudioFeatures, log_mel, log_mel_of
from backend.media.encode import MovieWriter
from backend.media.sound import Sound
from backend.performance.mouth_prior import MouthPrior
from backend.performance.spline import Spline, spline
from backend.performance.voice import Voice, VoiceNormaliser
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import SteadySpeech
from tests.support.lively_clip import spoken
from tests.support.synthetic_subject import make_subject

RATE = 16000


def blocks_of(samples: np.ndarray, size: int = 4099):
    return (samples[at : at + size] for at in range(0, len(samples), size))


def sound(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * rate)).astype(np.float32) * 0.1


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.05, 1.3, 31.7])
def test_sound_in_blocks_has_the_features_of_the_whole(rate, seconds):
    samples = sound(seconds, rate)
    whole = log_mel(samples, rate)
    assert np.array_equal(whole.log_mel, log_mel_of(blocks_of(samples), rate).log_mel)
    assert np.array_equal(np.concatenate([*resampled(blocks_of(samples), rate, RATE)]), resample(samples, rate, RATE))


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_a_file_is_read_in_blocks_as_in_one_piece(tmp_path, kind, monkeypatch):
    path = tmp_path / f"line.{kind}"
    soundfile.write(path, np.stack([sound(9.0, 48000), np.zeros(9 * 48000, np.float32)], axis=1), 48000)
    samples, rate = read_audio(path)
    monkeypatch.setattr("backend.media.sound_tracks._BLOCK", 10_007)
    read = Sound.open(path)
    found = list(read.blocks())
    assert len(found) > 40
    assert np.array_equal(np.concatenate(found), samples)
    assert np.array_equal(log_mel_of(read.blocks(), read.rate).log_mel, log_mel(samples, rate).log_mel)
    assert (read.length, read.rate) == (len(samples), rate) == (9 * 48000, 48000)


def test_a_movies_sound_is_read_in_blocks_as_in_one_piece(tmp_path):
    path = tmp_path / "clip.mp4"
    with MovieWriter(path, 32, 32, Fraction(25), (sound(2.0, 48000), 48000)) as movie:
        for _ in range(50):
            movie.write(np.zeros((32, 32, 3), np.uint8))
    samples, _ = read_audio(path)
    read = Sound.open(path)
    assert np.array_equal(np.concatenate(list(read.blocks())), samples)
    assert read.length == len(samples)


def test_what_is_wrong_anywhere_in_a_long_sound_is_mended_or_named(tmp_path, monkeypatch):
    monkeypatch.setattr("backend.media.sound_tracks._BLOCK", 1000)
    path = tmp_path / "line.wav"

    def written(at: int, value: float) -> np.ndarray:
        samples = sound(1.0)
        samples[at] = value
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        return samples

    written(9000, np.nan)
    read = Sound.open(path)
    assert np.concatenate(list(read.blocks()))[9000] == 0 and "not numbers" in read.words[0]
    samples = written(9000, 4.0)
    read = Sound.open(path)
    assert np.allclose(np.concatenate(list(read.blocks())), samples / 4.0) and "turned down" in read.words[0]
    written(9000, 1e12)
    with pytest.raises(InputError, match="full scale"):
        Sound.open(path)


def test_a_movie_and_a_wav_have_the_same_bytes_of_blocks(tmp_path):
    samples = sound(2.1, 44100)
    for name, given in (("whole", samples), ("blocks", blocks_of(samples))):
        with MovieWriter(tmp_path / f"{name}.mp4", 32, 32, Fraction(25), (given, 44100)) as movie:
            for _ in range(60):
                movie.write(np.zeros((32, 32, 3), np.uint8))
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "blocks.mp4").read_bytes()
    save_wav(tmp_path / "whole.wav", samples * 12, 44100)
    save_wav_blocks(tmp_path / "blocks.wav", blocks_of(samples * 12), 44100)
    soundfile.write(tmp_path / "library.wav", np.clip(samples * 12, -1, 1), 44100, subtype="PCM_16", format="WAV")
    assert (tmp_path / "whole.wav").read_bytes() == (tmp_path / "blocks.wav").read_bytes()
    assert (tmp_path / "whole.wav").read_bytes() == (tmp_path / "library.wav").read_bytes()


@pytest.mark.parametrize("count", [0, 5, 9000, 40_000])
def test_blocks_are_cut_and_lengthened_as_the_whole(count):
    samples = sound(1.0)
    whole = np.pad(samples, (0, max(0, count - len(samples))))[:count]
    assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *fitted(blocks_of(samples), count)]), whole)
    assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *after(blocks_of(samples), count)]), samples[count:])


def test_a_voice_is_what_numpy_says_of_the_vectors_in_which_it_sounds():
    features = log_mel(spoken(61.0, 3), RATE)
    loudness = features.log_mel.mean(axis=1)
    active = features.log_mel[loudness > np.percentile(loudness, 95) - 5.0]
    voice = Voice.of(features)
    assert voice is not None
    assert len(active) > 4096
    assert np.array_equal(voice.mean, active.mean(axis=0))
    assert np.array_equal(voice.deviation, active.std(axis=0) + 0.3)


def test_vectors_near_some_times_give_what_the_whole_sound_gives():
    whole = log_mel(sound(4.0), RATE)
    for times_s in (np.array([-1.0, 0.0]), np.array([1.2345, 1.3, 1.31]), np.array([3.99, 9.0])):
        near = whole.near(times_s, 0.11)
        assert len(near.log_mel) < len(whole.log_mel)
        assert np.array_equal(near.windows(times_s, 0.11, 9), whole.windows(times_s, 0.11, 9))
        nearer = near.near(times_s[:1])
        assert np.array_equal(nearer.at(times_s[:1]), whole.at(times_s[:1]))
        normal = VoiceNormaliser(np.full(80, -5.0), np.full(80, 2.0), 1.0)
        assert np.array_equal(normal.apply(near, None).at(times_s), normal.apply(whole, None).at(times_s))


def test_a_spline_that_is_asked_often_is_the_one_that_is_asked_once():
    values, places = np.random.default_rng(0).random((50, 3)), np.linspace(0, 49, 77)
    kept = Spline(values)
    assert np.array_equal(np.concatenate([kept.at(places[:30]), kept.at(places[30:])]), spline(values, places))


class Hearing(SteadySpeech):
    """Opens the jaw by what the mouth prior hears, and notes how many frames it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def predict_array(self, features: AudioFeatures, times_s, voice=None, strength=0.0):
        self.asked.append(len(times_s))
        curves = super().predict_array(features, times_s, voice, strength)
        curves[:, 0] = MouthPrior.shipped().shapes(features, times_s, voice)[:, 0].clip(0, 1)
        return curves


def test_a_chunk_makes_its_own_curves_alone_and_they_are_those_of_the_whole_line(tmp_path):
    subject, speech = make_subject(tmp_path / "subject"), Hearing()
    path = tmp_path / "line.wav"
    save_wav(path, spoken(12.0, 3), RATE)
    assert line_frames(subject, path, RenderSettings(frames="101:110")) == (101, 110)
    whole = plan_line(subject, speech, path, RenderSettings(), Reporter())
    part = plan_line(subject, speech, path, RenderSettings(frames="101:110"), Reporter(), whole=False)
    assert speech.asked == [300, 10]
    for name, curve in whole.driving.curves.items():
        assert np.array_equal(part.driving.curves[name][100:110], curve[100:110]), name
    assert len(np.unique(whole.driving.curves["jawOpen"][100:110])) > 5
    assert np.array_equal(part.poses, whole.poses)


def test_the_features_of_a_long_sound_take_no_more_memory_than_themselves():
    """But while they are put together: then there are twice as many names for them, of which half are used."""
    block = sound(1.0)
    tracemalloc.start()
    try:
        features = log_mel_of((block for _ in range(300)), RATE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * features.log_mel.nbytes + (40 << 20)


def test_a_voice_is_found_in_little_memory():
    features = log_mel_of((sound(1.0) for _ in range(300)), RATE)
    tracemalloc.start()
    try:
        Voice.of(features)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
