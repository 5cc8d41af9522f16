"""Offset between voice and lips, on voices made to measure."""

import numpy as np
import pytest

from backend.preprocess.sync import LIP_LEAD_S, estimate_offset

RATE = 16000
SECONDS = 12


def opening_at(times_s: np.ndarray, seed: int = 0) -> np.ndarray:
    """A mouth that opens some four times a second, never in the same way."""
    rng = np.random.default_rng(seed)
    centres = np.cumsum(rng.uniform(0.12, 0.4, 80)) - 1.0
    heights = rng.uniform(0.3, 1.0, len(centres))
    return (heights * np.exp(-0.5 * ((times_s[:, None] - centres) / 0.06) ** 2)).sum(axis=1)


def voice(offset_s: float, seed: int = 0) -> np.ndarray:
    """Noise that is loud when the mouth is open, `offset_s` later than in a clip in sync."""
    times = np.arange(SECONDS * RATE) / RATE
    noise = np.random.default_rng(seed + 100).standard_normal(len(times))
    return (0.1 * noise * np.exp(2.5 * opening_at(times - LIP_LEAD_S - offset_s, seed) - 2.5)).astype(np.float32)


@pytest.mark.parametrize("offset_s", [-0.12, 0.0, 0.14, 0.4])
def test_a_known_offset_is_found(offset_s):
    times = np.arange(SECONDS * 25) / 25
    estimate = estimate_offset(voice(offset_s), RATE, opening_at(times), times)
    assert estimate.offset_s == pytest.approx(offset_s, abs=0.02)
    assert estimate.confidence > 0.9 and estimate.correlation > 0.5
    assert estimate.calls_for_correction == (abs(offset_s) > 0.04)


@pytest.mark.parametrize("fps", [24000 / 1001, 60.0])
def test_the_frame_rate_does_not_matter(fps):
    times = np.arange(int(SECONDS * fps)) / fps
    assert estimate_offset(voice(0.1), RATE, opening_at(times), times).offset_s == pytest.approx(0.1, abs=0.02)


def test_the_unit_of_the_opening_and_the_level_of_the_sound_do_not_matter():
    times = np.arange(SECONDS * 25) / 25
    estimate = estimate_offset(0.1 * voice(0.1), RATE, 7.0 + 100.0 * opening_at(times), times)
    assert estimate.offset_s == pytest.approx(0.1, abs=0.02)


def test_a_voice_that_is_someone_elses_calls_for_no_correction():
    times = np.arange(SECONDS * 25) / 25
    estimates = [estimate_offset(voice(0.2, seed=seed), RATE, opening_at(times, seed=50), times) for seed in range(5)]
    assert not any(estimate.calls_for_correction for estimate in estimates)


def test_silence_a_still_mouth_and_a_short_clip_give_no_estimate():
    times = np.arange(SECONDS * 25) / 25
    for samples, opening in (
        (np.zeros(SECONDS * RATE, np.float32), opening_at(times)),
        (voice(0.1), np.full(len(times), 0.2)),
    ):
        assert estimate_offset(samples, RATE, opening, times).confidence == 0.0
    assert estimate_offset(voice(0.1), RATE, opening_at(times[:20]), times[:20]).confidence == 0.0


def test_frames_without_a_face_are_bridged():
    times = np.arange(SECONDS * 25) / 25
    opening = opening_at(times)
    opening[40:60] = np.nan
    assert estimate_offset(voice(0.1), RATE, opening, times).offset_s == pytest.approx(0.1, abs=0.03)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        estimate_offset(voice(0.0), RATE, np.zeros(30), np.arange(31) / 25)
