"""The body's own motion: what shoulders and clothes do in every frame, as a few curves beside the head's pose.

Shoulders follow the head, but their motion cannot be computed from the head pose (they sway, breathe, lean later). So
it is measured, by dense optical flow from one reference frame (Kroeger et al. 2016, "Fast Optical Flow using Dense
Inverse Search"). The flow is averaged over the cells of a coarse grid under the torso's matte, weighted by texture, and
the motion of the cells is reduced to its principal components.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from backend.parallel import in_order_with_tools
from backend.settings import BodySettings
from shared.jobs import Reporter

FLOW_MARGIN = 0.06
"""Flow is computed from this share of the picture's side above the torso downwards: it needs surroundings."""
FLAT_GRADIENT = 1.0
"""Grey levels a px, added to every gradient as a weight: flat cloth counts too, since the border of its matte moves."""
LEAST_CELL = 0.02
"""Cells with less than this share of the heaviest cell's weight are left out."""
LEAST_TORSO = 0.01
"""A torso smaller than this share of the picture is not tracked."""
ROBUST_ROUNDS = 6
"""Rounds of weighing down cells that do not move with the others."""
OUTLIER = 5.0
"""Motion of a cell beyond that of all together is limited to this many times its median over the clip."""
LEAST_USUAL_CM = 0.02
"""A cell's usual motion beyond the others' is taken to be at least so large, cm."""


def track_body(
    frames: Sequence[np.ndarray],
    reference: int,
    torso: np.ndarray,
    cm_per_px: float,
    report: Reporter,
    settings: BodySettings | None = None,
) -> np.ndarray:
    """The body's motion over T frames as curves (T, K) float32, cm; K is 0 where no torso is visible.

    Curve k is how far the body has moved along its k-th principal motion, a displacement of the torso whose root mean
    square (by texture) is 1: so a curve's deviation is that of the torso's points, in cm. Curves have zero mean and are
    uncorrelated, the largest first.

    frames: T pictures (S, S, 3) uint8 RGB. reference: the frame that all others are compared with. torso: (S, S) uint8,
    the torso's matte in that frame. cm_per_px: size of a picture's pixel at the torso's depth. Memory: a few numbers a
    frame.
    """
    settings = settings or BodySettings()
    report.phase("body", len(frames))
    if (torso > 127).mean() < LEAST_TORSO:
        return np.zeros((len(frames), 0), np.float32)
    meter = _FlowMeter(frames[reference], torso, settings)

    def measure(flow: cv2.DISOpticalFlow, index: int) -> np.ndarray:
        return meter.measure(flow, frames[index])

    moved = []
    for cells in in_order_with_tools(measure, range(len(frames)), _optical_flow):
        moved.append(cells)
        report.step()
    motion = np.stack(moved).astype(np.float64) * (cm_per_px * torso.shape[0] / settings.picture_px)
    return principal_curves(without_outliers(motion, meter.places, meter.weights), meter.weights, settings.components)


def principal_curves(motion: np.ndarray, weights: np.ndarray, components: int) -> np.ndarray:
    """(T, K) float32 scores of the principal components of cell motions (T, C, 2), cells weighing `weights` (C,).

    K is `components`, or fewer for small T or C. The components' signs are fixed.
    """
    share = np.sqrt(weights / weights.sum())[None, :, None]
    rows = (motion * share).reshape(len(motion), -1)
    rows = rows - rows.mean(axis=0)
    count = min(components, len(rows) - 1, rows.shape[1])
    _, vectors = np.linalg.eigh(rows.T @ rows)
    basis = vectors[:, ::-1][:, :count]
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])
    return (rows @ basis).astype(np.float32)


def without_outliers(motion: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cell motions (T, C, 2) without motion that is not the body's: a hand before the chest, a passer-by.

    In every frame an affine motion of all cells, which lie at places (C, 2) and weigh `weights` (C,), is fitted by
    iteratively reweighted least squares; what a cell moves beyond it is limited to OUTLIER times what is usual for it.
    """
    design = np.concatenate([np.ones((len(places), 1)), places - places.mean(axis=0)], axis=1)
    trust = np.ones(motion.shape[:2])
    for _ in range(ROBUST_ROUNDS):
        weight = trust * weights
        gram = np.einsum("tc,ci,cj->tij", weight, design, design) + 1e-9 * weights.sum() * np.eye(3)
        affine = design @ np.linalg.solve(gram, np.einsum("tc,ci,tcd->tid", weight, design, motion))
        beyond = np.linalg.norm(motion - affine, axis=2)
        limit = OUTLIER * np.maximum(np.median(beyond, axis=0), LEAST_USUAL_CM)
        trust = np.minimum(1.0, limit / np.maximum(beyond, 1e-12)) ** 2
    return affine + np.sqrt(trust)[..., None] * (motion - affine)


class _FlowMeter:
    """Mean motion of the torso's cells between the reference frame and another one."""

    def __init__(self, reference: np.ndarray, torso: np.ndarray, settings: BodySettings) -> None:
        self._side = settings.picture_px
        matte = self._resized(torso).astype(np.float32) / 255.0
        first = int(np.flatnonzero((matte > 0.5).any(axis=1))[0])
        self._top = max(0, min(first - round(FLOW_MARGIN * self._side), self._side - 2 * settings.cell_px))
        self._reference = self._grey(reference)
        dx, dy = (cv2.Scharr(self._reference, cv2.CV_32F, *axis) / 32.0 for axis in ((1, 0), (0, 1)))
        self._weight = matte[self._top :] * (np.hypot(dx, dy) + FLAT_GRADIENT)
        self._cells = (self._side // settings.cell_px, max(2, (self._side - self._top) // settings.cell_px))
        pooled = self._pooled(self._weight)
        self._used = pooled > LEAST_CELL * pooled.max()
        self.weights = pooled[self._used].astype(np.float64)
        """(C,) how much each cell counts."""
        self.places = np.argwhere(self._used)[:, ::-1].astype(np.float64)
        """(C, 2) column and row of each cell."""

    def measure(self, flow: cv2.DISOpticalFlow, frame: np.ndarray) -> np.ndarray:
        """(C, 2) px of the compared pictures: where the reference's cells have moved to in a frame (S, S, 3) uint8."""
        # None: it makes its own array (OpenCV's stubs do not know).
        moved = flow.calc(self._reference, self._grey(frame), None)  # type: ignore[call-overload]
        return self._pooled(moved * self._weight[..., None])[self._used] / self.weights[:, None].astype(np.float32)

    def _grey(self, frame: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self._resized(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))[self._top :])

    def _resized(self, plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, (self._side, self._side), interpolation=cv2.INTER_AREA)

    def _pooled(self, plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, self._cells, interpolation=cv2.INTER_AREA)


@contextmanager
def _optical_flow() -> Iterator[cv2.DISOpticalFlow]:
    """A flow for one thread at a time: it keeps buffers between calls."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    yield flow
