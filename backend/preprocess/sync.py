"""How late a clip's sound is against its picture, from the opening of the lips and the loudness of the voice.

When the mouth opens, the voice becomes louder in the band of the vowels' formants: the two correlate at one lag. With
sound and picture in sync that lag is not zero, because lips move before the sound that they shape (Chandrasekaran et
al. 2009, "The Natural Statistics of Audiovisual Speech", find 100 to 300 ms from the first movement of the mouth). The
lead of the correlation's peak was measured on five clips by four makers: -20, -20, 90, 120 and 120 ms; the median is
subtracted. A sixth clip, an outlier, was left out. Closures of P, B and M, found by a recogniser, disagree: they put
three of the clips about 100 ms later. So an estimate is uncertain by about that much, and only differences between
sounds of the same clip are accurate to some tens of milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from backend.media.audio_features import log_mel
from backend.media.loudness import speech_loudness

LIP_LEAD_S = 0.09
"""How far the lips' opening leads the voice's loudness when sound and picture agree, seconds."""
SEARCH_S = 0.6
"""Largest offset that is looked for, seconds either way."""
STEP_S = 0.01
"""Spacing of the lags tried, seconds."""
USUAL_OFFSET_S = 0.25
"""Standard deviation of offsets met in practice, seconds: breaks ties on short clips, where chance peaks are high."""
SLOWEST_HZ = 1.0
"""Changes slower than this (expression, loudness of a sentence) are filtered out: they correlate at any lag."""
INDEPENDENT_PER_S = 4.0
"""Independent samples in a second of speech, about its syllables."""
SURE = 0.8
"""Confidence from which an estimate may shift the sound; clips of a few seconds rarely reach it."""
TOLERANCE_S = 0.04
"""Offsets up to this are left alone, seconds: one frame at 25 fps, and what the estimate is good to."""
MIN_FRAMES = 25
"""Fewer frames give no estimate."""


@dataclass(frozen=True)
class SyncEstimate:
    """What `estimate_offset` found."""

    offset_s: float
    """Seconds by which the sound is late (negative: early)."""
    confidence: float
    """Share, in [0, 1], of the evidence that lies within 60 ms of `offset_s`."""
    correlation: float
    """Correlation of lip opening and loudness at that offset."""

    @property
    def calls_for_correction(self) -> bool:
        """Whether the sound should be shifted: the offset is sure, and larger than what the estimate is good to."""
        return self.confidence >= SURE and abs(self.offset_s) > TOLERANCE_S


def estimate_offset(samples: np.ndarray, rate: int, lip_opening: np.ndarray, times_s: np.ndarray) -> SyncEstimate:
    """Offset of the sound against the picture.

    samples: (n,) mono at `rate` Hz, sample 0 at time 0 of the picture. lip_opening: (T,) distance of the inner lips in
    any constant unit. times_s: (T,) seconds of each frame, rising. A clip that is too short, silent or whose mouth is
    still gives offset 0 with confidence 0. Raises ValueError when lip_opening and times_s differ in shape.
    """
    opening = np.asarray(lip_opening, dtype=np.float64)
    times_s = np.asarray(times_s, dtype=np.float64)
    if opening.shape != times_s.shape or opening.ndim != 1:
        raise ValueError(f"lip_opening {opening.shape} and times_s {times_s.shape} must be the same (T,)")
    usable = np.isfinite(opening)
    if usable.sum() < MIN_FRAMES or len(samples) < rate:
        return SyncEstimate(0.0, 0.0, 0.0)
    frame_rate = 1.0 / float(np.median(np.diff(times_s)))
    opening = np.interp(times_s, times_s[usable], opening[usable])
    high_pass = butter(2, SLOWEST_HZ / (0.5 * frame_rate), "highpass", output="sos")
    loudness, loudness_times = speech_loudness(log_mel(samples, rate))
    lags = np.arange(-SEARCH_S, SEARCH_S + 0.5 * STEP_S, STEP_S) + LIP_LEAD_S
    shifted = np.interp(times_s[None] + lags[:, None], loudness_times, loudness)
    lips = sosfiltfilt(high_pass, opening)
    voice = sosfiltfilt(high_pass, shifted, axis=1)
    scale = np.linalg.norm(voice, axis=1) * np.linalg.norm(lips)
    if lips.std() < 1e-9 or (scale < 1e-9).any():
        return SyncEstimate(0.0, 0.0, 0.0)
    correlations = voice @ lips / scale
    return _peak(lags - LIP_LEAD_S, correlations, independent=INDEPENDENT_PER_S * (times_s[-1] - times_s[0]))


def _peak(offsets: np.ndarray, correlations: np.ndarray, independent: float) -> SyncEstimate:
    """Most probable offset: likelihood of each correlation as that of a regression, times the usual spread."""
    positive = np.clip(correlations, 0.0, 0.999)
    log_posterior = -0.5 * independent * np.log1p(-np.square(positive)) - 0.5 * np.square(offsets / USUAL_OFFSET_S)
    best = int(np.argmax(log_posterior))
    if correlations[best] <= 0.0:
        return SyncEstimate(0.0, 0.0, float(correlations[best]))
    offset = offsets[best]
    if 0 < best < len(offsets) - 1:
        before, peak, after = log_posterior[best - 1 : best + 2]
        curvature = before - 2.0 * peak + after
        if curvature < 0.0:
            offset += 0.5 * (before - after) / curvature * STEP_S
    posterior = np.exp(log_posterior - log_posterior[best])
    near = np.abs(offsets - offset) <= 0.06
    return SyncEstimate(float(offset), float(posterior[near].sum() / posterior.sum()), float(correlations[best]))
