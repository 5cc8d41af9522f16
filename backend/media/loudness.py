"""How loud a voice is in the band that follows the opening of the mouth."""

from __future__ import annotations

import numpy as np

from backend.media.audio_features import AudioFeatures, band_centres_hz

BAND_HZ = (500.0, 3500.0)
"""Band whose loudness follows the opening of the mouth: above the voice's pitch, below the hiss of s and f."""
DYNAMIC_RANGE = 5.0
"""Natural-log units below the loud parts at which the voice counts as silent, so that room noise does not matter."""


def speech_loudness(features: AudioFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Log loudness of the speech band, smoothed over 80 ms, (M,), and its times in seconds, (M,)."""
    centres = band_centres_hz()
    band = (centres > BAND_HZ[0]) & (centres < BAND_HZ[1])
    loudness = features.log_mel[:, band].mean(axis=1).astype(np.float64)
    taps = 2 * round(0.04 * features.rate_hz) + 1
    window = np.hanning(taps + 2)[1:-1]
    loudness = np.convolve(np.pad(loudness, taps // 2, mode="edge"), window / window.sum(), "valid")
    loudness = np.maximum(loudness, np.percentile(loudness, 95) - DYNAMIC_RANGE)
    return loudness, features.start_s + np.arange(len(loudness)) / features.rate_hz
