"""How a line is stressed: how loud its syllables are beside those around them, where phrases begin and end.

Head and brows go with the loudness of a voice and its pitch (Munhall et al. 2004; Graf et al. 2002). Pitch is left out:
over the clips of docs/life.md it told no more of head and brows than loudness does. All arithmetic is exact
(backend.exact), and reaches only so far: what is more than REACH_S away changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend import exact
from backend.media.audio_features import AudioFeatures
from backend.performance.spline import spline
from backend.performance.voice import Voice

RATE_HZ = 50
"""Values a second."""
_TAPS = 4
"""Feature vectors whose energy is added up for a value."""
_BLOCK = 4096
"""Values that are made at a time; bounds memory."""
_RANGE = 1.0
"""Natural-log units below the loudness of a voice's usual spectrum at which it counts as silent: about 2.4 below its
usual loudness, 21 dB. A larger range makes pauses count more than syllables."""
_HEARD = 0.8
"""Loudness from which somebody speaks."""
SYLLABLE_S, _AROUND_S = 0.08, 0.5
"""Deviations of the windows that a syllable is heard in, and what is around it."""
_TRUNCATED = 2.5
"""Deviations at which a window ends."""
REACH_S = _AROUND_S * _TRUNCATED + 2 / RATE_HZ
_MARGIN = round(2.0 * RATE_HZ)
"""Values before and after a line for which its contrast is known: there it dies out."""
_PAUSE_S = 0.25
"""A shorter gap is within a phrase."""
_SHORTEST_PHRASE_S = 0.1


@dataclass(frozen=True)
class Stress:
    """A line on a grid of RATE_HZ from time 0 on, M values."""

    loudness: np.ndarray
    """(M,) natural-log units above silence: 0 in silence, 2 to 4 in syllables."""
    contrast: np.ndarray
    """(M + 200,) how much louder it is than what is around it, in the same units, positive in stressed syllables: from
    2 s before the line to 2 s after."""
    phrases: tuple[tuple[float, float], ...]
    """Beginning and end of what is said between two pauses, seconds."""

    @property
    def duration_s(self) -> float:
        return len(self.loudness) / RATE_HZ

    def contrast_at(self, times_s: np.ndarray, within: tuple[float, float]) -> np.ndarray:
        """(N,) `contrast` at any times, held within a range."""
        return sampled(np.clip(self.contrast, *within)[:, None], np.asarray(times_s) + _MARGIN / RATE_HZ)[:, 0]

    def speaking(self) -> np.ndarray:
        """(M,) 1 while somebody speaks, else 0."""
        grid = np.arange(len(self.loudness)) / RATE_HZ
        spoken = np.zeros(len(grid))
        for start, end in self.phrases:
            spoken[(grid >= start) & (grid < end)] = 1.0
        return spoken


def stress_of(features: AudioFeatures, voice: Voice | None) -> Stress:
    """The stress of a line spoken in `voice`; None: silence."""
    count = max(2, int(len(features.log_mel) / features.rate_hz * RATE_HZ))
    if voice is None:
        return Stress(np.zeros(count), np.zeros(count + 2 * _MARGIN), ())
    times_s = np.arange(count) / RATE_HZ
    energy = np.zeros(count)
    for first in range(0, count, _BLOCK):
        block = slice(first, first + _BLOCK)
        for tap in range(_TAPS):
            energy[block] += _energy(features.at(times_s[block] + tap / (RATE_HZ * _TAPS)))
    usual = 0.5 * exact.log(_energy(voice.mean[None]))
    loudness = np.maximum(0.5 * exact.log(energy / _TAPS) - usual + _RANGE, 0.0)
    alone = np.pad(loudness, _MARGIN)
    syllables = smooth(alone, SYLLABLE_S * RATE_HZ)
    contrast = syllables - smooth(alone, _AROUND_S * RATE_HZ)
    return Stress(loudness, contrast, _phrases(syllables[_MARGIN:-_MARGIN]))


def smooth(values: np.ndarray, deviation: float, hold: bool = False) -> np.ndarray:
    """Values (M, ...) under a normal window of that deviation, in steps, cut off at 2.5 of them.

    hold: whether the end values go on beyond the ends, where else there is zero.
    """
    reach = max(1, int(_TRUNCATED * deviation))
    steps = np.arange(reach + 1) / deviation
    weights = exact.exp(-0.5 * steps * steps)
    total = float(np.cumsum(weights)[-1] * 2.0 - weights[0])
    around = [(reach, reach)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(np.asarray(values, np.float64), around, mode="edge" if hold else "constant")
    length = len(values)
    result = weights[0] * padded[reach : reach + length]
    for step in range(1, reach + 1):
        beside = padded[reach + step : reach + step + length] + padded[reach - step : reach - step + length]
        result = result + weights[step] * beside
    return result / total


def sampled(values: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(N, D) values (M, D) on the grid, at `times_s`, by a cubic spline."""
    return spline(values, np.clip(np.asarray(times_s) * RATE_HZ, 0.0, len(values) - 1.0))


def _energy(log_mel: np.ndarray) -> np.ndarray:
    """(M,) of vectors (M, 80)."""
    amplitudes = exact.exp(2.0 * log_mel.astype(np.float64))
    return np.cumsum(amplitudes, axis=1)[:, -1]


def _phrases(loudness: np.ndarray) -> tuple[tuple[float, float], ...]:
    heard = np.concatenate([[False], loudness > _HEARD, [False]])
    starts, ends = np.flatnonzero(heard[1:] & ~heard[:-1]), np.flatnonzero(heard[:-1] & ~heard[1:])
    found: list[tuple[float, float]] = []
    for start, end in zip(starts / RATE_HZ, ends / RATE_HZ, strict=True):
        if found and start - found[-1][1] < _PAUSE_S:
            found[-1] = (found[-1][0], float(end))
        else:
            found.append((float(start), float(end)))
    return tuple((start, end) for start, end in found if end - start >= _SHORTEST_PHRASE_S)
