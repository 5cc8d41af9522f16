"""The upper face of a new line: the recorded brows, lids and gaze replayed, or an idle face that blinks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from backend.exact import exp
from backend.performance.curves import CURVE_NAMES, UPPER, UPPER_CURVES
from backend.performance.poses import Replay
from shared.timing import frame_times

_CLOSING_S, _CLOSED_S, _OPENING_S = 0.08, 0.04, 0.18
"""Phases of a spontaneous blink (lids close about twice as fast as they open)."""
_MEDIAN_INTERVAL_S, _INTERVAL_SPREAD, _SHORTEST_INTERVAL_S = 3.5, 0.55, 0.8
"""Intervals between blinks of a talking person are skewed: log-normal."""
BLINK_CURVES = ("eyeBlinkLeft", "eyeBlinkRight")


def blink_times(duration_s: float, seed: int = 0, median_interval_s: float = _MEDIAN_INTERVAL_S) -> np.ndarray:
    """Times (s) at which blinks start within a line; the same for the same seed."""
    draw = np.random.default_rng(seed)
    times, time = [], median_interval_s * draw.uniform(0.2, 1.0)
    while time < duration_s:
        times.append(time)
        time += max(_SHORTEST_INTERVAL_S, median_interval_s * float(exp(_INTERVAL_SPREAD * draw.standard_normal())))
    return np.array(times)


def blink_curve(times_s: np.ndarray, starts_s: np.ndarray) -> np.ndarray:
    """(T,) lid closure in [0, 1] at `times_s`, for blinks that start at `starts_s`; smooth at both ends."""
    closure = np.zeros(len(times_s), np.float32)
    for start in starts_s:
        since = np.asarray(times_s) - start
        down = np.clip(since / _CLOSING_S, 0, 1)
        up = np.clip((since - _CLOSING_S - _CLOSED_S) / _OPENING_S, 0, 1)
        shape = down * down * (3 - 2 * down) * (1 - up * up * (3 - 2 * up))
        closure = np.maximum(closure, shape.astype(np.float32))
    return closure


def idle_upper(recorded: np.ndarray, fps: Fraction, frame_count: int, seed: int = 0) -> np.ndarray:
    """(frame_count, 24) upper-face curves of a still head: the person's usual face, with blinks.

    recorded: (T, 51) true curves, for the usual face and how far these lids close.
    """
    upper = np.asarray(recorded, np.float32)[:, UPPER]
    lids = [UPPER_CURVES.index(name) for name in BLINK_CURVES]
    out = np.repeat(np.median(upper, axis=0)[None], frame_count, axis=0)
    times_s = np.array(frame_times(frame_count, fps))
    closure = blink_curve(times_s, blink_times(float(frame_count / fps), seed))
    for lid in lids:
        closed = max(float(np.percentile(upper[:, lid], 99.5)), float(out[0, lid]))
        out[:, lid] += closure * (closed - out[:, lid])
    return out


def replayed_upper(recorded: np.ndarray, replay: Replay) -> np.ndarray:
    """(N, 24) upper-face curves that go with replayed poses: gaze and brows go with the head's movement.

    recorded: (T, 51) true curves at the frames that the replay was planned for.
    """
    upper = np.asarray(recorded, np.float64)[:, UPPER]
    return np.clip(replay.apply(upper), 0.0, 1.0).astype(np.float32)


def lids(recorded: np.ndarray) -> np.ndarray:
    """(T, 2) how far the lids are closed, of all curves (T, 51)."""
    return np.asarray(recorded)[:, [CURVE_NAMES.index(name) for name in BLINK_CURVES]]
