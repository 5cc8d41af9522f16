"""Blinks: those of a clip, how this face blinks, and when it does so in a new line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.exact import exp
from backend.performance.curves import UPPER_CURVES
from backend.performance.idle import BLINK_CURVES

LIDS = [UPPER_CURVES.index(name) for name in BLINK_CURVES]
"""Where the lids are among the upper curves."""
_ASIDE = [k for k, name in enumerate(UPPER_CURVES) if name.startswith(("eyeLookIn", "eyeLookOut"))]
"""Curves that do not tell of a blink: the landmarker loses the eyes, and where they look then is chance."""
_FEW = 1.0
"""So many blinks tell half of what else moves in them."""
BLINK_S = 0.3
"""Length of a blink (idle.blink_curve)."""
SHORTEST_INTERVAL_S = 0.8
"""Between the beginnings of two blinks."""
_SEEN = 0.15
"""Lids that move less than this show no blink."""
_LONGEST_S = 0.5
"""Lids that are closed for longer rest, or look down."""
_BESIDE_S = 0.12
"""What is so near to a blink still belongs to it."""
_USUAL_HZ, _USUAL_S = 17 / 60, 20.0
"""Blinks a second of people who talk (Bentivoglio et al. 1997 have a mean of 26 a minute in conversation and 17 at
rest; 12 to 20 look calm), and the seconds of footage that count as much as that."""
_FEWEST_HZ, _MOST_HZ = 8 / 60, 30 / 60
_SPREAD = 0.55
"""Deviation of an interval's logarithm."""
_MEAN_OF_MEDIAN = 1.163
"""A log-normal value's mean by its median, for that spread."""
_AT_END, _AT_END_WITHIN_S = 0.4, 0.9
"""How likely the blink nearest to a phrase's end waits for it, or comes early, if it is so near."""
_EDGE_S = 0.2
"""A line begins and ends with lids that have been open for so long."""


@dataclass(frozen=True)
class Blinking:
    """How a face blinks."""

    shape: np.ndarray
    """(24,) what a whole blink adds to the upper curves: to the lids, and to whatever the landmarker has move with
    them, since from its curves a portrait has learned to blink."""
    low: np.ndarray
    high: np.ndarray
    """(24,) range of the clip's upper curves, with blinks."""
    rate_hz: float
    """Blinks a second."""
    during: np.ndarray
    """(T,) bool: frames of the clip in which it blinks."""
    count: int
    """Blinks of the clip."""


def blinking_of(upper: np.ndarray, fps: float) -> tuple[Blinking, np.ndarray]:
    """How the face of a clip blinks, and its upper curves (T, 24) without blinks: float64, bridged by straight lines.

    In a blink the lids close as far as they do in the clip, and the rest does what it did in the mean of those seen;
    the fewer these are, the less.
    """
    upper = np.asarray(upper, np.float64)
    closure = 0.5 * (upper[:, LIDS[0]] + upper[:, LIDS[1]])
    usual, closed = float(np.median(closure)), float(np.percentile(closure, 99.5))
    shut = (closure > 0.5 * (usual + closed)) & (closed - usual > _SEEN)
    runs = [run for run in _runs(shut) if run[1] - run[0] <= max(1, round(_LONGEST_S * fps))]
    during = np.zeros(len(upper), bool)
    beside = max(1, round(_BESIDE_S * fps))
    for start, end in runs:
        during[max(0, start - beside) : end + beside] = True
    open_eyed = _bridged(upper, during)
    depth = np.array([max(float(np.percentile(upper[:, k], 99.5)) - float(np.median(upper[:, k])), 0.0) for k in LIDS])
    shape = np.zeros(upper.shape[1])
    if runs:
        lowest = [start + int(closure[start:end].argmax()) for start, end in runs]
        seen = np.cumsum(upper[lowest] - open_eyed[lowest], axis=0)[-1] / len(lowest)
        shape = seen * (len(lowest) / (len(lowest) + _FEW))
    shape[_ASIDE] = 0.0
    shape[LIDS] = depth
    seconds = len(upper) / fps
    rate = (len(runs) + _USUAL_HZ * _USUAL_S) / (seconds + _USUAL_S)
    rate = min(max(rate, _FEWEST_HZ), _MOST_HZ)
    return Blinking(shape, upper.min(axis=0), upper.max(axis=0), rate, during, len(runs)), open_eyed


def drawn_blinks(draw: np.random.Generator, start_s: float, end_s: float, rate_hz: float) -> list[float]:
    """Beginnings of blinks within a part of a line, seconds: intervals are log-normal.

    The part begins somewhere in an interval, more likely in a long one, so that short parts have blinks as often.
    """
    median_s = 1.0 / (rate_hz * _MEAN_OF_MEDIAN)
    times: list[float] = []
    within_s = median_s * float(exp(_SPREAD * (draw.standard_normal() + _SPREAD)))
    time = start_s + within_s * draw.uniform()
    while time < end_s:
        times.append(time)
        time += max(SHORTEST_INTERVAL_S, median_s * float(exp(_SPREAD * draw.standard_normal())))
    return times


def drawn_to_ends(draw: np.random.Generator, times: list[float], ends_s: list[float]) -> list[float]:
    """The blinks, some of them moved to where a phrase ends."""
    moved = list(times)
    for end in ends_s:
        chance, after = draw.uniform(), 0.15 * draw.uniform()
        if moved and chance < _AT_END:
            nearest = min(range(len(moved)), key=lambda k: abs(moved[k] - end))
            if abs(moved[nearest] - end) < _AT_END_WITHIN_S:
                moved[nearest] = end + after
    return moved


def spaced(times: list[float], end_s: float) -> list[float]:
    """The blinks in order without those that come too soon after another, or would be cut by either end of a line."""
    kept: list[float] = []
    for time in sorted(times):
        if _EDGE_S <= time <= end_s - BLINK_S - _EDGE_S and (not kept or time - kept[-1] >= SHORTEST_INTERVAL_S):
            kept.append(time)
    return kept


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Beginnings and ends of what is true."""
    padded = np.concatenate([[False], mask, [False]])
    starts, ends = np.flatnonzero(padded[1:] & ~padded[:-1]), np.flatnonzero(padded[:-1] & ~padded[1:])
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _bridged(values: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Values (T, K) with straight lines where they are left out."""
    if left_out.all() or not left_out.any():
        return values
    index = np.arange(len(values))
    columns = [np.interp(index, index[~left_out], column[~left_out]) for column in values.T]
    return np.stack(columns, axis=1)
