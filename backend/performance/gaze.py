"""Gaze: how these eyes turn as the head does, where they rest, and the jumps between.

Gaze is two numbers, of the curves eyeLook…: to the person's left, and up, in the curves' own unit. Eyes that keep to
their aim turn back by as much as the head turns (the vestibulo-ocular reflex); how many units that is, the clip shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.exact import exp
from backend.performance.blinks import LIDS
from backend.performance.curves import UPPER_CURVES

_LEFT = ("eyeLookOutLeft", "eyeLookInRight")
_RIGHT = ("eyeLookInLeft", "eyeLookOutRight")
_UP = ("eyeLookUpLeft", "eyeLookUpRight")
_DOWN = ("eyeLookDownLeft", "eyeLookDownRight")
SIDEWAYS = [UPPER_CURVES.index(name) for name in (*_LEFT, *_RIGHT)]
UPWARDS = [UPPER_CURVES.index(name) for name in (*_UP, *_DOWN)] + LIDS
"""Curves that go with gaze up and down: the lids follow the eyes."""
_PITCH, _YAW = 0, 1
_USUAL_GAIN, _USUAL_SPREAD = 2.0, 0.03
"""Units a radian where the clip tells nothing, and the head's deviation, radians, that tells as much as that."""
_LEAST_GAIN, _MOST_GAIN = 0.5, 3.5
_ON_AIM, _NEAR = 0.6, 0.2
"""How often eyes rest on their aim, and then how far from it, as a share of how far they go in the clip."""
_ON_AIM_S, _AWAY_S, _FIXATION_SPREAD, _SHORTEST_S = 1.3, 0.6, 0.5, 0.25
"""Median seconds that eyes rest on their aim and beside it (log-normal), and the shortest."""
_SACCADE_S, _SACCADE_S_A_UNIT = 0.03, 0.08
"""Length of a jump: grows with its size."""
_LARGE = 1.5
"""Jumps of so many deviations go with a blink, where one is near or may be."""
_NEAR_BLINK_S = 0.8
_WITH_BLINK = 0.5
_BACK_S = 0.4
"""Eyes are back on their aim so long before the line ends."""


@dataclass(frozen=True)
class GazeModel:
    """How a person's eyes move."""

    aim: np.ndarray
    """(2,) gaze on the usual aim, the head at its mean pose."""
    gain: np.ndarray
    """(2,) units a radian by which the eyes turn back sideways, and up as the head nods."""
    offsets: np.ndarray
    """(F, 2) how far beside their aim they were, in the clip's frames."""
    middle: np.ndarray
    """(2,) median gaze: the knee of `slopes`."""
    curves: np.ndarray
    """(24,) upper curves at that gaze."""
    slopes: np.ndarray
    """(2, 24) change of a curve for a unit of gaze below the middle, and above it."""
    low: np.ndarray
    high: np.ndarray
    """(24,) of the clip, without blinks."""

    @property
    def large(self) -> float:
        """Size of a jump that counts as large."""
        spread = self.offsets.std(axis=0)
        return _LARGE * float(np.sqrt(spread[0] * spread[0] + spread[1] * spread[1]))

    def shown(self, offsets: np.ndarray, turns: np.ndarray, strength: float) -> np.ndarray:
        """(N, 24) upper curves of eyes so far beside their aim (N, 2), under a head turned (N, 3) from its mean pose,
        radians; other curves than those of gaze and lids are zero. strength: 0, eyes that never move."""
        back = np.stack([-turns[:, _YAW] * self.gain[0], turns[:, _PITCH] * self.gain[1]], axis=1)
        gaze = self.aim - self.middle + offsets + back
        out = np.zeros((len(gaze), len(UPPER_CURVES)))
        for axis, columns in ((0, SIDEWAYS), (1, UPWARDS)):
            x = gaze[:, axis, None]
            change = np.minimum(x, 0.0) * self.slopes[0, columns] + np.maximum(x, 0.0) * self.slopes[1, columns]
            moved = self.curves[columns] + strength * change
            out[:, columns] = np.clip(moved, self.low[columns], self.high[columns])
        return out


def gaze_of(open_eyed: np.ndarray, turns: np.ndarray, seen: np.ndarray) -> GazeModel:
    """How the eyes of a clip move.

    open_eyed: (T, 24) upper curves without blinks; turns: (T, 3) the head's turns about its mean pose, radians;
    seen: (T,) bool, frames to learn from.
    """
    upper, turns = open_eyed[seen], turns[seen]
    gaze = _gaze(upper)
    middle = np.median(gaze, axis=0)
    gain = np.array([-_gain(gaze[:, 0], turns[:, _YAW], -1.0), _gain(gaze[:, 1], turns[:, _PITCH], 1.0)])
    kept = gaze - np.stack([-turns[:, _YAW] * gain[0], turns[:, _PITCH] * gain[1]], axis=1)
    aim = np.median(kept, axis=0)
    slopes = np.zeros((2, len(UPPER_CURVES)))
    curves = np.median(upper, axis=0)
    for axis, columns in ((0, SIDEWAYS), (1, UPWARDS)):
        x = gaze[:, axis] - middle[axis]
        for side, part in enumerate((np.minimum(x, 0.0), np.maximum(x, 0.0))):
            size = max(_total(part * part), 1e-9)
            slopes[side, columns] = [_total(part * (upper[:, k] - curves[k])) / size for k in columns]
    return GazeModel(aim, gain, kept - aim, middle, curves, slopes, upper.min(axis=0), upper.max(axis=0))


def fixations(
    draw: np.random.Generator, model: GazeModel, start_s: float, end_s: float
) -> list[tuple[float, np.ndarray]]:
    """Where eyes jump to within a part of a line, and when: (seconds, (2,) beside their aim)."""
    found = []
    time = start_s + draw.uniform(0.1, 0.8)
    while time < end_s:
        is_on_aim = draw.uniform() < _ON_AIM
        offset = model.offsets[int(draw.integers(len(model.offsets)))] * (_NEAR if is_on_aim else 1.0)
        found.append((time, offset))
        median_s = _ON_AIM_S if is_on_aim else _AWAY_S
        time += max(_SHORTEST_S, median_s * float(exp(_FIXATION_SPREAD * draw.standard_normal())))
    return found


def with_blinks(
    draw: np.random.Generator, jumps: list[tuple[float, np.ndarray]], blinks: list[float], large: float
) -> tuple[list[tuple[float, np.ndarray]], list[float]]:
    """Jumps and blinks such that large jumps happen behind closing lids, where a blink is near or may be."""
    moved, more = [], list(blinks)
    before = np.zeros(2)
    for time, offset in jumps:
        step = offset - before
        chance = draw.uniform()
        if np.sqrt(step[0] * step[0] + step[1] * step[1]) > large:
            near = [blink for blink in blinks if abs(blink - time) < _NEAR_BLINK_S]
            if near:
                time = min(near, key=lambda blink: abs(blink - time)) + 0.04
            elif chance < _WITH_BLINK:
                more.append(time - 0.04)
        moved.append((time, offset))
        before = offset
    return moved, more


def offsets_at(jumps: list[tuple[float, np.ndarray]], times_s: np.ndarray) -> np.ndarray:
    """(N, 2) how far eyes are beside their aim: on it at the line's beginning and end, jumping between rests."""
    times_s = np.asarray(times_s, np.float64)
    end_s = float(times_s[-1]) - _BACK_S
    inside = sorted((jump for jump in jumps if jump[0] < end_s - _SHORTEST_S), key=lambda jump: jump[0])
    out = np.zeros((len(times_s), 2))
    before = np.zeros(2)
    last_s = -np.inf
    for time, offset in [*inside, (end_s, np.zeros(2))]:
        if time - last_s < _SHORTEST_S:
            continue
        step = offset - before
        length_s = _SACCADE_S + _SACCADE_S_A_UNIT * float(np.sqrt(step[0] * step[0] + step[1] * step[1]))
        s = np.clip((times_s - time) / length_s, 0.0, 1.0)
        out = out + (s * s * (3 - 2 * s))[:, None] * step
        before, last_s = offset, time
    return out


def _gaze(upper: np.ndarray) -> np.ndarray:
    """(T, 2) gaze to the person's left, and up, of upper curves (T, 24)."""

    def mean(names: tuple[str, ...]) -> np.ndarray:
        return 0.5 * (upper[:, UPPER_CURVES.index(names[0])] + upper[:, UPPER_CURVES.index(names[1])])

    return np.stack([mean(_LEFT) - mean(_RIGHT), mean(_UP) - mean(_DOWN)], axis=1)


def _gain(gaze: np.ndarray, turn: np.ndarray, sign: float) -> float:
    """Units a radian, signed, drawn to the usual gain the less the head turned."""
    centred = turn - _total(turn) / len(turn)
    known = _USUAL_SPREAD * _USUAL_SPREAD * len(turn)
    gain = sign * (_total(centred * gaze) + known * sign * _USUAL_GAIN) / (_total(centred * centred) + known)
    return sign * min(max(gain, _LEAST_GAIN), _MOST_GAIN)


def _total(values: np.ndarray) -> float:
    """The sum, added one after the other: numpy's own has another order on every processor."""
    return float(np.cumsum(values)[-1])
