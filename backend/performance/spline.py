"""The cubic spline through values at whole places, in plain arithmetic: the same bits on every machine.

scipy's CubicSpline gives the same to rounding, but leaves its slopes to LAPACK.
"""

from __future__ import annotations

import numpy as np


class Spline:
    """The spline through values (T, D), T at least 2.

    Twice continuously differentiable, and a single cubic over the first and over the last two intervals ("not a knot").
    A value's influence on the slopes falls to a quarter from frame to frame: forty frames on it is below rounding.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._values, self._slopes = values, _slopes(np.asarray(values, np.float64))

    def at(self, places: np.ndarray) -> np.ndarray:
        """(N, D) at `places` (N,) in frames, 0 to T - 1; whole places give the value itself."""
        values, slopes = self._values, self._slopes
        below = np.minimum(places.astype(np.int64), len(values) - 1)
        above = np.minimum(below + 1, len(values) - 1)
        t = (places - below)[:, None]
        rise, first, second = values[above] - values[below], slopes[below], slopes[above]
        return values[below] + t * (first + t * (3 * rise - 2 * first - second + t * (first + second - 2 * rise)))


def spline(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N, D) the spline through values (T, D) at `places` (N,)."""
    return Spline(values).at(places)


def _slopes(values: np.ndarray) -> np.ndarray:
    """(T, D) the spline's change a frame at every value."""
    rises = np.diff(values, axis=0)
    if len(values) == 2:
        return np.repeat(rises, 2, axis=0)
    if len(values) == 3:
        turn = 0.5 * (rises[1] - rises[0])
        return np.stack([rises[0] - turn, rises[0] + turn, rises[1] + turn])
    # Slopes of neighbours, weighted 1, 4, 1, add up to three times the rise about each; at the ends they are weighted
    # 1, 2. Solved for from the first to the last, and put in from the last to the first.
    slopes = np.empty_like(values)
    slopes[0], slopes[1:-1] = 2.5 * rises[0] + 0.5 * rises[1], 3 * (rises[:-1] + rises[1:])
    slopes[-1] = 0.5 * rises[-2] + 2.5 * rises[-1]
    shares = [2.0]
    for index in range(1, len(values)):
        weight, own = (1.0, 4.0) if index < len(values) - 1 else (2.0, 1.0)
        pivot = own - weight * shares[-1]
        slopes[index] = (slopes[index] - weight * slopes[index - 1]) / pivot
        shares.append(1.0 / pivot)
    for index in reversed(range(len(values) - 1)):
        slopes[index] = slopes[index] - shares[index] * slopes[index + 1]
    return slopes
