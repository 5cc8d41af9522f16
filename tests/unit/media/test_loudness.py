"""Loudness of the speech band: what counts, when, and how quiet silence is."""

import numpy as np
import pytest

from backend.media.audio_features import FREQUENCY_RANGE_HZ, MELS, band_centres_hz, log_mel
from backend.media.loudness import DYNAMIC_RANGE, speech_loudness

RATE = 16000
TIMES = np.arange(2 * RATE) / RATE


def loudness_of(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return speech_loudness(log_mel(samples.astype(np.float32), RATE))


def test_bands_rise_through_the_range_and_lie_closer_where_the_voice_is():
    centres = band_centres_hz()
    assert centres.shape == (MELS,) and (np.diff(centres) > 0).all()
    assert FREQUENCY_RANGE_HZ[0] < centres[0] and centres[-1] < FREQUENCY_RANGE_HZ[1]
    assert np.diff(centres)[-1] > 3 * np.diff(centres)[0]


def test_a_burst_is_loud_when_it_sounds_and_silence_is_no_quieter_than_the_range():
    noise = np.random.default_rng(0).standard_normal(len(TIMES))
    burst = 0.1 * noise * ((TIMES > 0.8) & (TIMES < 1.2))
    loudness, times = loudness_of(burst)
    inside, outside = (times > 0.9) & (times < 1.1), (times < 0.6) | (times > 1.4)
    assert loudness[inside].min() > loudness[outside].max() + 4
    assert loudness.max() - loudness.min() == pytest.approx(DYNAMIC_RANGE, abs=0.5)


@pytest.mark.parametrize("hz, heard", [(120, False), (1500, True), (6500, False)])
def test_a_tone_counts_inside_the_band_of_the_mouths_opening_only(hz, heard):
    quiet = 1e-3 * np.random.default_rng(1).standard_normal(len(TIMES))
    tone = 0.2 * np.sin(2 * np.pi * hz * TIMES) * (TIMES > 1)
    loudness, times = loudness_of(quiet + tone)
    change = loudness[times > 1.2].mean() - loudness[times < 0.8].mean()
    assert (change > 0.3) == heard
