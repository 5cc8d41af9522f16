"""The performance: a few named curves over time that stand between audio and motion.

The names are those of MediaPipe's face landmarker (Apple ARKit's blend shapes without tongueOut), and beside them the
lips' own (performance.lips); values lie in [0, 1].
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.performance.lips import LIP_CURVES, lip_curves
from backend.subject.track import Track
from shared.errors import InputError
from shared.files import read_text_file, write_text
from shared.timing import fps_text, frame_times, parse_fps

SPEECH_CURVES: tuple[str, ...] = (
    "jawOpen",
    "jawForward",
    "jawLeft",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
)
"""Blend shapes of jaw and lips."""

UPPER_CURVES: tuple[str, ...] = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""Curves of brows, eyes, cheeks and nose: blinks, gaze, expression."""

FACE_CURVES: tuple[str, ...] = SPEECH_CURVES + UPPER_CURVES
"""What the face landmarker tells."""

CURVE_NAMES: tuple[str, ...] = FACE_CURVES + tuple(LIP_CURVES)
"""All curves, in the order in which arrays hold them."""
SPOKEN_CURVES: tuple[str, ...] = SPEECH_CURVES + tuple(LIP_CURVES)
"""What audio drives: jaw, lips, and the lips' own measures."""

SPEECH = slice(0, len(SPEECH_CURVES))
"""Where the speech curves lie in an array of all curves."""
UPPER = slice(len(SPEECH_CURVES), len(FACE_CURVES))
"""Where the upper-face curves lie in an array of all curves."""


def from_track(
    blendshapes: np.ndarray, blendshape_names: Sequence[str], confidence: np.ndarray | None = None
) -> np.ndarray:
    """The true performance of the footage, from the face landmarker's blend shapes.

    blendshapes: (T, B) in [0, 1], names in `blendshape_names`; confidence: (T,), 0 where the face was not found: there
    the curves are interpolated in time. Returns (T, len(FACE_CURVES)) float32.
    Raises InputError if a name is missing, or no frame has a face.
    """
    names = [str(name) for name in blendshape_names]
    missing = [name for name in FACE_CURVES if name not in names]
    if missing:
        raise InputError(f"The face landmarker's model lacks {missing[0]}.", "Use face_landmarker.task version 2.")
    curves = np.asarray(blendshapes, dtype=np.float32)[:, [names.index(name) for name in FACE_CURVES]]
    found = np.isfinite(curves).all(axis=1)
    if confidence is not None:
        found &= np.asarray(confidence) > 0
    if not found.any():
        raise InputError("No frame shows a face.", "Use footage in which the face can be seen.")
    if not found.all():
        index = np.arange(len(curves))
        columns = [np.interp(index, index[found], curves[found, k]) for k in range(curves.shape[1])]
        curves = np.stack(columns, axis=1).astype(np.float32)
    return np.clip(curves, 0.0, 1.0)


_DECIMALS = 6
"""Digits after the point in a performance.json."""


@dataclass
class Performance:
    """Named curves at a constant frame rate: what drives a portrait, and what an artist edits."""

    fps: Fraction
    curves: dict[str, np.ndarray]
    """Name to (T,) float32, one value a frame; all of one length."""

    @property
    def frame_count(self) -> int:
        return len(next(iter(self.curves.values()))) if self.curves else 0

    @classmethod
    def from_array(cls, fps: Fraction, values: np.ndarray, names: Sequence[str] = CURVE_NAMES) -> Performance:
        """From (T, K) values in the order of `names`."""
        values = np.asarray(values, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != len(names):
            raise ValueError(f"values of shape {values.shape} do not fit {len(names)} curves")
        return cls(fps, {name: values[:, index].copy() for index, name in enumerate(names)})

    def array(self, names: Sequence[str] = CURVE_NAMES) -> np.ndarray:
        """(T, K) float32 in the order of `names`; curves that are not there are zero."""
        zero = np.zeros(self.frame_count, np.float32)
        return np.stack([np.asarray(self.curves.get(name, zero), np.float32) for name in names], axis=1)

    def at(self, times_s: np.ndarray) -> Performance:
        """The curves at other times (N,), linear between frames, the end values held beyond the ends.

        The result counts its frames at this performance's rate; see `resampled` for another one.
        """
        index = np.asarray(times_s, dtype=np.float64) * float(self.fps)
        frames = np.arange(self.frame_count)
        return Performance(
            self.fps, {name: np.interp(index, frames, c).astype(np.float32) for name, c in self.curves.items()}
        )

    def resampled(self, fps: Fraction, frame_count: int) -> Performance:
        """The same performance at another frame rate, `frame_count` frames from time 0; the last value is held."""
        if fps == self.fps:
            index = np.minimum(np.arange(frame_count), self.frame_count - 1)
            return Performance(fps, {name: np.asarray(c, np.float32)[index] for name, c in self.curves.items()})
        times_s = np.array(frame_times(frame_count, fps))
        return Performance(fps, self.at(times_s).curves)

    def as_saved(self) -> Performance:
        """The values that a file of this performance has: saved, loaded and saved again it stays the same."""
        rounded = {name: np.round(np.asarray(c, np.float64), _DECIMALS) for name, c in self.curves.items()}
        return Performance(self.fps, {name: c.astype(np.float32) for name, c in rounded.items()})

    def save(self, path: str | os.PathLike) -> None:
        """Write performance.json, through a temporary name."""
        curves = {name: [round(float(v), _DECIMALS) for v in values] for name, values in self.curves.items()}
        write_text(Path(path), json.dumps({"fps": fps_text(self.fps), "curves": curves}) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> Performance:
        """Read a performance.json. Raises InputError that says what is wrong with it."""
        mend = "Export the performance again."
        try:
            data = json.loads(read_text_file(path, mend))
            fps = parse_fps(data["fps"])
            curves = {str(name): np.array(values, dtype=np.float32) for name, values in data["curves"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArithmeticError) as error:
            raise InputError(f"{path} is not a performance ({error}).", mend) from error
        lengths = {values.shape for values in curves.values()}
        if len(lengths) != 1 or len(next(iter(lengths))) != 1 or next(iter(lengths)) == (0,):
            raise InputError(f"The curves in {path} are not all of one length.", mend)
        for name, values in curves.items():
            broken = np.flatnonzero(~np.isfinite(values))
            if len(broken):
                where = f"{name} holds no number in frame {broken[0] + 1}"
                raise InputError(f"The curves in {path} cannot be used: {where}.", mend)
        return cls(fps, curves)


def ordered_curves(track: Track, names: Sequence[str] = CURVE_NAMES) -> np.ndarray:
    """(T, K) float32 the track's true curves in the order of `names`."""
    known = (*(str(name) for name in track.curve_names), *LIP_CURVES)
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(f"The track has no curve {missing[0]}.", "Preprocess the footage again.")
    curves = np.concatenate([track.curves, lip_curves(track)], axis=1)
    return curves[:, [known.index(name) for name in names]]


def require_known(names: Sequence[str]) -> None:
    """Raises InputError unless all of these curves of a model are among CURVE_NAMES."""
    unknown = [str(name) for name in names if name not in CURVE_NAMES]
    if unknown:
        raise InputError(f"The model is driven by curves that nobody knows: {unknown[0]}.", "Train the model again.")


def curve_names(lip_curves: bool) -> tuple[str, ...]:
    """Curves of a portrait with the lips' own, or without."""
    return CURVE_NAMES if lip_curves else FACE_CURVES


def spoken_names(lip_curves: bool) -> tuple[str, ...]:
    """Those of them that audio drives."""
    return SPOKEN_CURVES if lip_curves else SPEECH_CURVES
