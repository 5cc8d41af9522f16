"""Direction laid over a performance: what an artist's controls (shared.direction) make of its curves and poses.

The performance below is never changed: what controls say is added for drawing. A frame depends on its own values alone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from backend import rotations
from backend.performance.curves import FACE_CURVES, SPEECH_CURVES, Performance
from backend.performance.face_range import Range
from shared import layout
from shared.direction import BY_NAME, CONTROL_NAMES, HEAD_CONTROLS, NECK_CM, NOD, STRENGTH, TILT, TURN
from shared.errors import InputError
from shared.files import read_json_object, read_text_file
from shared.timing import fps_text, parse_fps

_EXPORT_AGAIN = "Export the direction again."
_RENDER_AGAIN = "Render the line again."
_PARTING = ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight")
"""Curves that part the lips, beside the jaw."""
_DECIMALS = 6


@dataclass
class Direction:
    """Values of controls at a constant frame rate; controls that are not there are 0."""

    fps: Fraction
    controls: dict[str, np.ndarray]
    """Name to (T,) float64, one value a frame, within the control's limits; all of one length."""

    def at(self, name: str, count: int) -> np.ndarray:
        """(count,) the values of one control."""
        return self.controls.get(name, np.zeros(count))

    def moves_anything(self) -> bool:
        """Whether any control is anywhere but at 0."""
        return any(values.any() for values in self.controls.values())

    def applied(
        self, base: Performance, reach: Range, closed: np.ndarray, resting: np.ndarray | None = None
    ) -> Performance:
        """The curves as directed: `base` with what the controls add, frame by frame.

        base: T frames; reach: of the footage's curves; closed: (T,) in [0, 1], how far the sound closes the lips, which
        no control parts; resting: (27,) the speech curves of a mouth at rest, None: 0. Where no control moves a curve,
        it keeps its bits.
        """
        count = base.frame_count
        index = {name: k for k, name in enumerate(FACE_CURVES)}
        before = base.array(FACE_CURVES).astype(np.float64)
        change = np.zeros_like(before)
        for name in CONTROL_NAMES:
            value = self.at(name, count)
            sides = (BY_NAME[name].plus, np.maximum(value, 0.0)), (BY_NAME[name].minus, np.maximum(-value, 0.0))
            for weights, share in sides:
                for curve, weight in weights.items():
                    change[:, index[curve]] += weight * share
        speech = slice(0, len(SPEECH_CURVES))
        rest = np.zeros(len(SPEECH_CURVES)) if resting is None else np.asarray(resting, np.float64)
        strength = self.at(STRENGTH, count)[:, None]
        change[:, speech] += strength * (before[:, speech] - rest)
        after = reach.held(before + change, before)
        _close_lips(before, after, closed, index)
        values = np.where(after == before, base.array(FACE_CURVES), after.astype(np.float32))
        directed = {name: values[:, k] for name, k in index.items() if name in base.curves}
        return Performance(base.fps, {**base.curves, **directed})

    def turned(self, poses: np.ndarray) -> np.ndarray:
        """(T, 4, 4) head poses, turned about the neck as the head's controls say; those of other frames keep their
        bits."""
        degrees = {name: self.at(name, len(poses)) for name in HEAD_CONTROLS}
        is_turned = np.any([values != 0 for values in degrees.values()], axis=0)
        if not is_turned.any():
            return poses
        turn = rotations.multiply(
            _about(1, degrees[TURN]), rotations.multiply(_about(0, degrees[NOD]), _about(2, -degrees[TILT]))
        )
        neck = np.array(NECK_CM)
        made = poses.copy()
        rotation = rotations.to_matrix(turn)
        made[:, :3, :3] = _times(poses[:, :3, :3], rotation)
        stays = neck - _times(rotation, neck[:, None])[:, :, 0]
        made[:, :3, 3] = poses[:, :3, 3] + _times(poses[:, :3, :3], stays[:, :, None])[:, :, 0]
        return np.where(is_turned[:, None, None], made, poses)

    def to_dict(self) -> dict[str, Any]:
        """What direction.json of a take holds of it: the controls that are anywhere but at 0."""
        moved = {name: values for name, values in self.controls.items() if values.any()}
        controls = {name: [round(float(v), _DECIMALS) for v in values] for name, values in moved.items()}
        return {"fps": fps_text(self.fps), "controls": controls}


def load_direction(path: str | os.PathLike, fps: Fraction, frame_count: int, warn: Callable[[str], None]) -> Direction:
    """The direction in a direction.json, at a line's frames.

    A control is a list with one value a frame, one number for all frames, or an object that gives values at frames
    (from 1), between which it runs straight. Unknown controls and values beyond a control's limits are told by `warn`,
    and left out or held. Raises InputError that says what is wrong with the file.
    """
    given_fps, given = _read(path)
    unknown = sorted(set(given) - set(CONTROL_NAMES))
    if unknown:
        warn(f"{path} holds controls that nobody knows: {', '.join(unknown)}. Known: {', '.join(CONTROL_NAMES)}.")
    index = np.array([float(frame * given_fps / fps) for frame in range(frame_count)])
    controls = {}
    for name in CONTROL_NAMES:
        if name not in given:
            continue
        frames, values = given[name]
        control, found = BY_NAME[name], np.interp(index, frames, values)
        controls[name] = np.clip(found, control.low, control.high)
        if (controls[name] != found).any():
            first = int(np.flatnonzero(controls[name] != found)[0])
            held = f"held within {control.low:g} to {control.high:g}"
            warn(f"{path}: {name} is {found[first]:g} in frame {first + 1}; {held}.")
    return Direction(fps, controls)


def require_direction(path: str | os.PathLike) -> None:
    """Raises InputError for a file that is no direction."""
    _read(path)


def with_direction(performance: Performance, take: Path) -> Performance:
    """The curves of a finished take as it shows them: what its direction.json has of them in place of the performance's
    own. Raises InputError where that is damaged."""
    path = take / layout.DIRECTION_FILE
    if not path.is_file():
        return performance
    values = read_json_object(path, _RENDER_AGAIN)
    try:
        shown = {str(name): np.array(curve, np.float32) for name, curve in values["curves"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}).", _RENDER_AGAIN) from error
    if any(curve.shape != (performance.frame_count,) or not np.isfinite(curve).all() for curve in shown.values()):
        raise InputError(f"{path} does not fit the take's performance.", _RENDER_AGAIN)
    return Performance(performance.fps, {**performance.curves, **shown})


def _read(path: str | os.PathLike) -> tuple[Fraction, dict[str, tuple[list[float], list[float]]]]:
    """Frame rate, and by the name of each control its frames, from 0, and its values there."""
    try:
        data = json.loads(read_text_file(path, _EXPORT_AGAIN))
        return parse_fps(data["fps"]), {str(name): _knots(name, values) for name, values in data["controls"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArithmeticError) as error:
        raise InputError(f"{path} is not a direction ({error}).", _EXPORT_AGAIN) from error


def _knots(name: str, given: Any) -> tuple[list[float], list[float]]:
    """Frames, from 0, and values of a control as a file gives it. Raises ValueError, TypeError."""
    if isinstance(given, Mapping):
        pairs = sorted((float(frame) - 1.0, float(value)) for frame, value in given.items())
        frames, values = [frame for frame, _ in pairs], [value for _, value in pairs]
    else:
        values = [float(value) for value in (given if isinstance(given, list) else [given])]
        frames = [float(frame) for frame in range(len(values))]
    if not values:
        raise ValueError(f"{name} has no values")
    if not all(map(math.isfinite, (*frames, *values))):
        raise ValueError(f"{name} holds what is no number")
    return frames, values


def _close_lips(before: np.ndarray, after: np.ndarray, closed: np.ndarray, index: Mapping[str, int]) -> None:
    """Keep lips together in `after` (T, K) as far as the sound closes them (T,): what controls have opened beyond
    `before` is taken back, by the lips where the jaw opens."""
    share = np.asarray(closed, np.float64)
    jaw, close = index["jawOpen"], index["mouthClose"]
    opened = (after[:, jaw] - before[:, jaw]) - (after[:, close] - before[:, close])
    after[:, close] = np.minimum(after[:, close] + share * np.maximum(opened, 0.0), 1.0)
    for name in _PARTING:
        k = index[name]
        after[:, k] -= share * np.maximum(after[:, k] - before[:, k], 0.0)


def _about(axis: int, degrees: np.ndarray) -> np.ndarray:
    """(T, 4) rotations by (T,) degrees about an axis of the head's frame."""
    vectors = np.zeros((len(degrees), 3))
    vectors[:, axis] = degrees * (math.pi / 180.0)
    return rotations.from_vector(vectors)


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of matrices (..., 3, 3) and (..., 3, N), summed in an order of ours: a frame's key is made of them."""
    return sum((a[..., :, k, None] * b[..., k, None, :] for k in (1, 2)), a[..., :, 0, None] * b[..., 0, None, :])
