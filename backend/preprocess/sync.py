"""How late a clip's sound is against its picture, from what the lips do and what the sound says that they do.

The mouth prior (performance.mouth_prior) tells from the sound alone when any mouth opens and when it is rounded. Both
are looked for in the filmed lips: where lips do what is heard, at one lag, the evidence of both adds up. The zero is
where clips of several makers that are in sync agree (`LEAD_S` in phones/teach.py). Sounds of the same clip, and clips
of the same maker, differ by no more than some hundredths.

The estimate is the mean of the offsets that are likely, not the likeliest: what a short clip leaves open draws it to
zero, so that a sound that is moved by it is hardly ever further out than it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from backend.media.audio_features import log_mel
from backend.performance.mouth_prior import RATE_HZ, SHAPES, MouthPrior
from backend.performance.voice import Voice

SEARCH_S = 0.6
"""Largest offset that is looked for, seconds either way."""
STEP_S = 0.01
"""Spacing of the lags tried, seconds."""
USUAL_OFFSET_S = 0.12
"""Standard deviation of offsets met in practice, seconds: breaks ties on short clips, where chance peaks are high."""
SLOWEST_HZ = 1.0
"""Changes slower than this (expression, loudness of a sentence) are filtered out: they correlate at any lag."""
INDEPENDENT_PER_S = 4.0
"""Independent samples in a second of speech, about its syllables."""
SHARED = 0.7
"""Opening and rounding are not independent of each other: their evidence counts as this part of the sum."""
LIKELY = 0.4
"""Confidence from which an estimate may shift the sound; a voice that is someone else's stays below."""
TOLERANCE_S = 0.04
"""Offsets up to this are left alone, seconds: one frame at 25 fps, and what the estimate is good to."""
MIN_FRAMES = 25
"""Fewer frames give no estimate."""


@dataclass(frozen=True)
class SyncEstimate:
    """What `estimate_offset` found."""

    offset_s: float
    """Seconds by which the sound is late (negative: early): the mean of what is likely."""
    confidence: float
    """Share, in [0, 1], of what is likely that lies within 60 ms of `offset_s`."""
    correlation: float
    """Correlation of the lips' opening with what is heard of it, at the likeliest offset."""

    @property
    def calls_for_correction(self) -> bool:
        """Whether the sound should be shifted: the offset is likely, and larger than what the estimate is good to."""
        return self.confidence >= LIKELY and abs(self.offset_s) > TOLERANCE_S


def estimate_offset(samples: np.ndarray, rate: int, mouth: np.ndarray, times_s: np.ndarray) -> SyncEstimate:
    """Offset of the sound against the picture.

    samples: (n,) mono at `rate` Hz, sample 0 at time 0 of the picture. mouth: (T, 2) how far the lips are apart and how
    much they are rounded, each in any constant unit, NaN where that is not known. times_s: (T,) seconds of each frame,
    rising. A clip that is too short, silent or whose mouth is still gives offset 0 with confidence 0. Raises ValueError
    when mouth and times_s do not fit.
    """
    mouth = np.asarray(mouth, dtype=np.float64)
    times_s = np.asarray(times_s, dtype=np.float64)
    if times_s.ndim != 1 or mouth.shape != (len(times_s), 2):
        raise ValueError(f"mouth {mouth.shape} and times_s {times_s.shape} must be (T, 2) and (T,)")
    unknown = SyncEstimate(0.0, 0.0, 0.0)
    usable = np.isfinite(mouth).all(axis=1)
    if usable.sum() < MIN_FRAMES or len(samples) < rate:
        return unknown
    features = log_mel(samples, rate)
    voice = Voice.of(features)
    if voice is None:
        return unknown
    seen = np.stack([np.interp(times_s, times_s[usable], column[usable]) for column in mouth.T])
    seen = _fast(seen, times_s)
    lags = np.arange(-SEARCH_S, SEARCH_S + 0.5 * STEP_S, STEP_S)
    moments = np.arange(0.0, len(samples) / rate, 1.0 / RATE_HZ)
    told = MouthPrior.shipped().shapes(features, moments, voice)[:, [SHAPES.index("jaw"), SHAPES.index("pucker")]]
    heard = np.stack([[np.interp(times_s + lag, moments, column) for lag in lags] for column in told.T])
    heard = _fast(heard, times_s)
    scale = np.linalg.norm(heard, axis=2) * np.linalg.norm(seen, axis=1)[:, None]
    if seen[0].std() < 1e-9 or (scale[0] < 1e-9).any():
        return unknown
    correlations = np.einsum("clt,ct->cl", heard, seen) / np.maximum(scale, 1e-9)
    return _likely(lags, correlations, independent=INDEPENDENT_PER_S * (times_s[-1] - times_s[0]))


def _fast(values: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Values (..., T) without what changes slowly."""
    frame_rate = 1.0 / float(np.median(np.diff(times_s)))
    return sosfiltfilt(butter(2, SLOWEST_HZ / (0.5 * frame_rate), "highpass", output="sos"), values, axis=-1)


def _likely(offsets: np.ndarray, correlations: np.ndarray, independent: float) -> SyncEstimate:
    """Mean offset: likelihood of each correlation, (C, L), as that of a regression, times the usual spread."""
    positive = np.clip(correlations, 0.0, 0.999)
    evidence = -0.5 * independent * SHARED * np.log1p(-np.square(positive)).sum(axis=0)
    log_posterior = evidence - 0.5 * np.square(offsets / USUAL_OFFSET_S)
    best = int(np.argmax(log_posterior))
    opening = float(correlations[0, best])
    if evidence[best] <= 0.0:
        return SyncEstimate(0.0, 0.0, opening)
    posterior = np.exp(log_posterior - log_posterior[best])
    posterior /= posterior.sum()
    offset = float(posterior @ offsets)
    return SyncEstimate(offset, float(posterior[np.abs(offsets - offset) <= 0.06].sum()), opening)
