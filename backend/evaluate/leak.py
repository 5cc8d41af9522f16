"""How much of the lips' motion can be told from inputs that are not to tell it.

What a head is given from the footage beside its sound (blinks, brows, gaze, cheeks) is measured by the net that also
measures the lips, and moves with them. A model that reads the lips there scores well for a wrong reason. So the leak is
measured: the best prediction of the lips from those inputs alone, on parts of the clip that it was not fitted to.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve

from backend.performance.lips import lip_positions
from backend.subject.track import Track
from backend.train.holdout import Holdout

PARTS, GAP_S = 11, 0.3
"""The clip is predicted part by part from the others, without the frames next to it."""
MOST_FRAMES = 800
"""Longer clips are thinned to as many: the kernel's cost grows with their cube."""
_RIDGES = (0.03, 0.3, 1.0, 3.0)
_RIDGES_OF_KERNELS = (0.3, 3.0)
_SHARPNESSES = (0.1, 0.5)
"""Inverse widths of the kernel, per input."""


def leak(inputs: np.ndarray, track: Track) -> float:
    """Share of the variance of the lips' positions in the head's frame that inputs (T, D) explain, at most 1.

    Below 0 they predict worse than the mean. The best of several ridge regressions, linear and with a Gaussian kernel:
    rather too high than too low. NaN for a clip too short to be parted, or with still lips.
    """
    known = np.flatnonzero(track.confidence > 0)
    known = known[:: max(1, -(-len(known) // MOST_FRAMES))]
    lips, inputs, times_s = (
        lip_positions(track).reshape(track.frame_count, -1)[known],
        np.asarray(inputs, np.float64)[known],
        track.times_s[known],
    )
    if len(known) < 2 * PARTS:
        return float("nan")
    unexplained = np.zeros(len(_RIDGES) + len(_SHARPNESSES) * len(_RIDGES_OF_KERNELS))
    total = 0.0
    for fold in range(1, PARTS + 1):
        split = Holdout(PARTS, fold, GAP_S).split(times_s)
        if len(split.training) < PARTS:
            return float("nan")
        mean, deviation = inputs[split.training].mean(axis=0), inputs[split.training].std(axis=0)
        x, at = ((inputs[of] - mean) / np.maximum(deviation, 1e-3) for of in (split.training, split.held_out))
        about = lips[split.training].mean(axis=0)
        y, truth = lips[split.training] - about, lips[split.held_out] - about
        predicted = [_linear(x, y, at, ridge) for ridge in _RIDGES]
        for sharpness in _SHARPNESSES:
            predicted += _kernels(x, y, at, sharpness)
        unexplained += [np.square(truth - p).sum() for p in predicted]
        total += np.square(truth).sum()
    return float(1.0 - unexplained.min() / total) if total > 1e-9 else float("nan")


def _linear(x: np.ndarray, y: np.ndarray, at: np.ndarray, ridge: float) -> np.ndarray:
    return at @ np.linalg.solve(x.T @ x + ridge * len(x) * np.eye(x.shape[1]), x.T @ y)


def _kernels(x: np.ndarray, y: np.ndarray, at: np.ndarray, sharpness: float) -> list[np.ndarray]:
    """Predictions at `at`, one for each of _RIDGES_OF_KERNELS."""

    def alike(a: np.ndarray) -> np.ndarray:
        squares = np.square(a).sum(axis=1)[:, None] + np.square(x).sum(axis=1) - 2.0 * a @ x.T
        return np.exp(-sharpness * np.maximum(squares, 0.0) / x.shape[1])

    known, asked, same = alike(x), alike(at), np.eye(len(x))
    return [asked @ solve(known + ridge * same, y, assume_a="pos") for ridge in _RIDGES_OF_KERNELS]
