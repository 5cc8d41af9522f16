"""When lips close whatever else the sound tells: for p, b and m, and where nothing is said."""

from __future__ import annotations

import math

import numpy as np

from backend.performance.mouth_prior import SHAPES

_OPEN, _SHUT = 0.22, 0.42
"""Pressure of the lips, as the prior hears it, up to which they need not close, and from which they do what this
speaker's lips do for it."""
_OPENING, _WIDE = 0.5, 1.5
"""How far the lips are told to be open, in deviations over the mean, up to which they close where pressure is heard,
and from which they do not."""
_SPEECH, _QUIET = 0.5, 0.8
"""How likely nothing is said, up to which lips move as they are told, and from which they are at rest."""
_LEAST_SPREAD = 0.02
"""An opening that moves less than this counts as one that moves so far."""


def pressed(shapes: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]: how far lips are where they are for p, b and m, by the prior's shapes (T, 5)."""
    return _ramp(shapes[:, SHAPES.index("press")], _OPEN, _SHUT)


def at_rest(quiet: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]: how far lips are at rest, by how likely it is a pause (T,)."""
    return _ramp(quiet, _SPEECH, _QUIET)


def may_close(opening: np.ndarray, mean: float, told: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]: how far lips may close where pressure is heard, by how far they are told to be open (T,): not
    where that is wide, as it never is beside a true p, b or m. mean, told (Q,): mean and quantiles of what is told."""
    values = [float(value) for value in told]
    middle = math.fsum(values) / len(values)  # sums that are the same bits on every machine
    spread = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / len(values))
    return 1.0 - _ramp((opening - mean) / max(spread, _LEAST_SPREAD), _OPENING, _WIDE)


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high`."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)
