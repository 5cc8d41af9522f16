"""How far the footage's curves reach, one by one and together: a head has learned no more than that.

Each curve may lie within its own range and still make, with the others, a face that nobody ever showed: eyes that look
aside over a head that does not turn, a smile without teeth. A head draws such a face as spikes and with a mouth that
moves with the eyes. So what controls make of a frame's curves is held, too, within the range of the footage's principal
components, of jaw and lips and of the upper face each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend import exact
from backend.performance.curves import FACE_CURVES, SPEECH, UPPER
from shared.direction import CURVE_LIMITS

_BEYOND = 0.5
"""Share of a curve's range in the footage by which controls move it beyond that, where the others allow it."""
_EXPLAINED = 0.999
"""Share of the footage's variance that the components which are held explain; the rest is noise."""
_LEAST_DEVIATION = 0.03
"""Curves that hardly move in the footage count as if they had this deviation."""
_PASSES = 8
"""Times that curves are brought within the components' ranges and then within their own."""


@dataclass(frozen=True)
class Together:
    """The principal components of some of the footage's curves, and how far they reach. K curves, C components."""

    curves: slice
    """Where the curves lie among FACE_CURVES."""
    mean: np.ndarray
    """(K,) of the curves."""
    deviation: np.ndarray
    """(K,) by which they are divided."""
    axes: np.ndarray
    """(K, C) orthonormal, a component a column."""
    low: np.ndarray
    high: np.ndarray
    """(C,) lowest and highest value of each component."""

    @classmethod
    def of(cls, footage: np.ndarray, curves: slice) -> Together:
        """Of the footage's curves (T, all of FACE_CURVES)."""
        values = footage[:, curves]
        every = np.full((1, len(values)), 1.0 / len(values))
        mean = exact.product(every, values)[0]
        deviation = np.maximum(np.sqrt(exact.product(every, (values - mean) ** 2)[0]), _LEAST_DEVIATION)
        standard = (values - mean) / deviation
        variances, axes = exact.principal_axes(exact.product(standard.T, standard) / len(values))
        total = np.cumsum(variances)
        axes = axes[:, : int(np.searchsorted(total, _EXPLAINED * total[-1])) + 1]
        found = exact.product(standard, axes)
        return cls(curves, mean, deviation, axes, found.min(axis=0), found.max(axis=0))

    def components(self, values: np.ndarray) -> np.ndarray:
        """(N, C) of curves (N, K)."""
        return exact.product((values - self.mean) / self.deviation, self.axes)

    def held(self, values: np.ndarray, before: np.ndarray) -> np.ndarray:
        """(N, K) curves `values` moved to where their components lie within the range of the footage's and of
        `before`."""
        found, were = self.components(values), self.components(before)
        within = np.clip(found, np.minimum(self.low, were), np.maximum(self.high, were))
        return values + exact.product(within - found, self.axes.T) * self.deviation


@dataclass(frozen=True)
class Range:
    """How far the footage's curves reach: (K,) lowest and highest value of each of FACE_CURVES."""

    low: np.ndarray
    high: np.ndarray
    together: tuple[Together, ...] = ()

    @classmethod
    def of(cls, curves: np.ndarray) -> Range:
        """Of the footage's curves (T, K or more), in the order of FACE_CURVES."""
        shapes = np.asarray(curves, np.float64)[:, : len(FACE_CURVES)]
        together = tuple(Together.of(shapes, part) for part in (SPEECH, UPPER))
        return cls(shapes.min(axis=0), shapes.max(axis=0), together)

    def held(self, after: np.ndarray, before: np.ndarray) -> np.ndarray:
        """(N, K) float64: curves that controls have moved from `before` to `after`, held where the head can follow.
        What was farther out before may stay there; frames in which nothing was moved keep their bits."""
        most = np.array([CURVE_LIMITS.get(name, 1.0) for name in FACE_CURVES])
        reach = _BEYOND * (self.high - self.low)
        low = np.minimum(np.maximum(self.low - reach, 0.0), before)
        high = np.maximum(np.minimum(self.high + reach, most), before)
        made = np.clip(after, low, high)
        for part in self.together:
            of = part.curves
            is_moved = (after[:, of] != before[:, of]).any(axis=1)
            values, were = made[is_moved, of], before[is_moved, of]
            for _ in range(_PASSES if is_moved.any() else 0):
                values = np.clip(part.held(values, were), low[is_moved, of], high[is_moved, of])
            made[is_moved, of] = values
        return made
