"""An artist's edits of a performance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES, Performance
from backend.performance.lips import LIP_CURVES

_SAME = 1.5e-6
"""Values that differ by no more were not edited: performance.json has six decimals."""


def with_edits(predicted: Performance, given: Performance) -> Performance:
    """The predicted curves, replaced by the `given` ones of as many frames, whose values are held in [0, 1]."""
    kept = {name: np.clip(curve, 0.0, 1.0) for name, curve in given.curves.items() if name in CURVE_NAMES}
    return Performance(predicted.fps, {**predicted.curves, **kept})


def with_lips_following(
    edited: Performance, predicted: Performance, lips_following: Callable[[np.ndarray], np.ndarray]
) -> Performance:
    """What drives a head where an artist changed blend shapes: the lips' own curves go along as in the footage.

    They tell much of what jaw and lips do. In frames in which a curve of the lips was edited itself it stays. For
    drawing alone: the performance that is kept holds what was edited, so that an edit may be undone. lips_following:
    (T, 5) for a change (T, 27) of the speech curves (SpeechModel.lips_following).
    """
    change = np.stack([edited.curves[name] - predicted.curves[name] for name in SPEECH_CURVES], axis=1)
    change[np.abs(change) <= _SAME] = 0.0
    curves = dict(edited.curves)
    for name, moves in zip(LIP_CURVES, lips_following(change).T, strict=False):
        follows = np.abs(curves[name] - predicted.curves[name]) <= _SAME
        curves[name] = np.where(follows, np.clip(curves[name] + moves, 0.0, 1.0), curves[name]).astype(np.float32)
    return Performance(edited.fps, curves)
