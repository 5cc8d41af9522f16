"""An artist's edits of a performance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES, Performance
from backend.performance.lips import LIP_CURVES

_SAME = 1.5e-6
"""Values that differ by no more were not edited: performance.json has six decimals."""


def with_edits(
    predicted: Performance, given: Performance, lips_following: Callable[[np.ndarray], np.ndarray]
) -> Performance:
    """The predicted curves, replaced by the `given` ones of as many frames, whose values are held in [0, 1].

    The lips' own curves tell much of what jaw and lips do. Where an artist changed blend shapes but not a curve of the
    lips, that follows as it does in the footage: lips_following gives (T, 5) for a change (T, 27) of the speech curves
    (SpeechModel.lips_following).
    """
    kept = {name: np.clip(curve, 0.0, 1.0) for name, curve in given.curves.items() if name in CURVE_NAMES}
    curves = {**predicted.curves, **kept}
    change = np.stack([curves[name] - predicted.curves[name] for name in SPEECH_CURVES], axis=1)
    change[np.abs(change) <= _SAME] = 0.0
    for name, moves in zip(LIP_CURVES, lips_following(change).T, strict=False):
        base = predicted.curves[name]
        if np.abs(curves[name] - base).max() <= _SAME:
            curves[name] = np.clip(base + moves, 0.0, 1.0).astype(np.float32)
    return Performance(predicted.fps, curves)
