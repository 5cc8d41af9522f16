"""Whether the lips move with the sound itself, whatever the recorded lips do: a lag curve of opening and loudness.

SyncNet, which the field uses, has no weights that may be shipped. Here the opening of the lips is correlated with the
loudness of the voice's formants at every lag up to 0.6 s either way. Lips that belong to the sound give a peak near the
lag at which the recorded ones have theirs; lips of another sentence, a still mouth, or a mouth that flaps give none. As
with SyncNet's confidence, the score is the height of the peak above the rest of the curve. The peak is looked for where
the recorded lips have it, never where the drawn ones do: the highest of many chance correlations is above zero too.

It knows opening only, not which sound is spoken, and a puppet whose jaw follows the loudness would outdo every human:
read it beside the recorded lips' own, and the nearer the better.
"""

from __future__ import annotations

import numpy as np

from backend.evaluate.lip_sync import TURNS, correlations, unexplained, unexplained_drawn
from backend.media.audio_features import AudioFeatures
from backend.media.loudness import speech_loudness

STEP_S = 0.04
"""Spacing of the lags, seconds."""
LAGS_S = np.arange(-15, 16) * STEP_S
"""(L,) seconds from the opening of the lips to the sound that they are compared with."""
PEAK_S = (0.0, 0.24)
"""Where the recorded lips' peak is looked for, seconds: lips open 0.1 to 0.2 s before the sound is at its loudest, and
preprocessing leaves up to 0.1 s of error in a clip's sync."""
FAR_S = 0.3
"""Lags this far from the peak are the rest of the curve, seconds: more than a syllable."""


def voice_rows(
    drawn: np.ndarray, recorded: np.ndarray, turns: np.ndarray, features: AudioFeatures, times_s: np.ndarray
) -> np.ndarray:
    """(T, K) what `voice_sync` needs of each frame.

    drawn, recorded: (T,) openings, NaN where no face was found and where a frame is not scored; turns: (T, 3), the
    first of `lip_sync.head_motion`: a head's place goes with what it says, and without it little of the lips' relation
    to the sound would be left; times_s: (T,) of the frames on the sound's clock.
    """
    loudness, loudness_times = speech_loudness(features)
    heard = np.interp(times_s[:, None] + LAGS_S, loudness_times, loudness)
    return np.column_stack([drawn, recorded, turns, heard])


def voice_sync(rows: np.ndarray) -> tuple[float, float]:
    """Height of the lag curve's peak above the rest: of the drawn and of the recorded lips, 0 unrelated or still.

    rows: (N, K) those of `voice_rows`, of any frames. NaN with fewer than lip_sync.MIN_FRAMES. A drawn face that is
    missing where there is a recorded one counts as lips at rest.
    """
    turns, heard = rows[:, 2 : 2 + TURNS], rows[:, 2 + TURNS :]
    recorded = unexplained(rows[:, 1], turns)
    drawn = unexplained_drawn(rows[:, 0], turns, np.isfinite(rows[:, 1]))
    own, truth = (correlations(lips, heard) for lips in (drawn, recorded))
    if not np.isfinite(truth).all():
        return float("nan"), float("nan")
    near = np.flatnonzero((LAGS_S >= PEAK_S[0] - 1e-9) & (LAGS_S <= PEAK_S[1] + 1e-9))
    peak = near[np.argmax(truth[near])]
    rest = np.abs(LAGS_S - LAGS_S[peak]) > FAR_S
    return float(own[peak] - own[rest].mean()), float(truth[peak] - truth[rest].mean())
