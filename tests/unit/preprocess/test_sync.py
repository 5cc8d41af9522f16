"""Offset between voice and lips, on lines of a synthesiser whose mouth is known."""

import functools

import numpy as np
import pytest

from backend.media.audio import SPEECH_RATE, resample
from backend.phones.teach import LEAD_S
from backend.preprocess.sync import estimate_offset
from backend.presenter.motion import MOUTH_CURVES, mouth_curves
from backend.presenter.speech import SpokenLine, speak

TEXT = "Most people move before they have made up their mind. Pour some water over the old boat, and wipe it well."
OTHER_TEXT = "A hundred years of summer rain wore this valley into stone. Nobody asked why the tall tree fell."


@functools.cache
def line(text: str = TEXT, voice: str = "en-us") -> SpokenLine:
    return speak(text, voice)


def mouth_at(times_s: np.ndarray, spoken: SpokenLine) -> np.ndarray:
    """(T, 2) opening and rounding of who says it as people do: the drawn mouth is a little late."""
    jaw, press, pucker = (
        mouth_curves(spoken, times_s + LEAD_S)[:, MOUTH_CURVES.index(n)] for n in ("jaw", "press", "pucker")
    )
    return np.stack([jaw - 0.3 * press, pucker], axis=1)


def sound(offset_s: float, spoken: SpokenLine) -> np.ndarray:
    """Samples at SPEECH_RATE, `offset_s` later than the lips."""
    samples = resample(spoken.samples, spoken.sample_rate, SPEECH_RATE)
    moved = round(offset_s * SPEECH_RATE)
    return np.pad(samples, (moved, 0)) if moved >= 0 else samples[-moved:]


def frames(spoken: SpokenLine, fps: float = 25.0) -> np.ndarray:
    return np.arange(int(spoken.duration_s * fps)) / fps


@pytest.mark.parametrize("offset_s", [-0.12, 0.0, 0.14, 0.4])
def test_a_known_offset_is_found(offset_s):
    times = frames(line())
    estimate = estimate_offset(sound(offset_s, line()), SPEECH_RATE, mouth_at(times, line()), times)
    assert estimate.offset_s == pytest.approx(offset_s, abs=0.03)
    assert estimate.confidence > 0.9 and estimate.correlation > 0.5
    assert estimate.calls_for_correction == (abs(offset_s) > 0.04)


@pytest.mark.parametrize("voice", ["de+f3", "es+m4", "pl+f2", "hi"])
def test_the_language_and_the_voice_do_not_matter(voice):
    spoken = line("1847, 52 906, 334, 7120, 68", voice)
    times = frames(spoken)
    estimate = estimate_offset(sound(0.2, spoken), SPEECH_RATE, mouth_at(times, spoken), times)
    assert estimate.offset_s == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("fps", [24000 / 1001, 60.0])
def test_the_frame_rate_does_not_matter(fps):
    times = frames(line(), fps)
    estimate = estimate_offset(sound(0.1, line()), SPEECH_RATE, mouth_at(times, line()), times)
    assert estimate.offset_s == pytest.approx(0.1, abs=0.03)


def test_the_units_of_the_mouth_and_the_level_of_the_sound_do_not_matter():
    times = frames(line())
    mouth = np.array([7.0, -2.0]) + np.array([100.0, 0.01]) * mouth_at(times, line())
    assert estimate_offset(0.1 * sound(0.1, line()), SPEECH_RATE, mouth, times).offset_s == pytest.approx(0.1, abs=0.03)


def test_lips_that_are_never_rounded_are_enough():
    times = frames(line())
    mouth = mouth_at(times, line()) * [1.0, 0.0]
    assert estimate_offset(sound(0.1, line()), SPEECH_RATE, mouth, times).offset_s == pytest.approx(0.1, abs=0.03)


def test_a_voice_that_is_someone_elses_calls_for_no_correction():
    times = frames(line())
    for number in range(5):
        other = sound(
            0.0, line(OTHER_TEXT, ("en-us+f2", "en-gb-x-rp", "en-us+m3", "en-029", "en-gb-scotland+f4")[number])
        )
        estimate = estimate_offset(np.roll(other, number * 7000), SPEECH_RATE, mouth_at(times, line()), times)
        assert not estimate.calls_for_correction


def test_silence_a_still_mouth_and_a_short_clip_give_no_estimate():
    times = frames(line())
    silent, spoken = np.zeros(6 * SPEECH_RATE, np.float32), sound(0.1, line())
    assert estimate_offset(silent, SPEECH_RATE, mouth_at(times, line()), times).confidence == 0.0
    assert estimate_offset(spoken, SPEECH_RATE, np.full((len(times), 2), 0.2), times).confidence == 0.0
    assert estimate_offset(spoken, SPEECH_RATE, mouth_at(times[:20], line()), times[:20]).confidence == 0.0


def test_frames_without_a_face_are_bridged():
    times = frames(line())
    mouth = mouth_at(times, line())
    mouth[40:60] = np.nan
    assert estimate_offset(sound(0.1, line()), SPEECH_RATE, mouth, times).offset_s == pytest.approx(0.1, abs=0.04)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="must be"):
        estimate_offset(sound(0.0, line()), SPEECH_RATE, np.zeros((30, 2)), np.arange(31) / 25)
