"""From named performance curves to the few numbers that drive a field."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

STANDARD_DEVIATION_FLOOR = 0.03
"""Least standard deviation: curves that hardly move in the footage are not amplified into noise."""


class CurveProjection(nn.Module):
    """Principal components of standardised curves, fixed when training starts.

    Blendshape curves are strongly correlated (six components explain 99 % of the lips) and noisy. The projection
    keeps directions that vary in the footage and drops the others.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, curve_count: int, component_count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(curve_count))
        self.register_buffer("matrix", torch.zeros(curve_count, component_count))
        self.component_count = component_count

    @classmethod
    def fit(cls, curves: np.ndarray, selected: np.ndarray, max_components: int, variance: float) -> CurveProjection:
        """Fit to curves (T, K), using only the `selected` (K,) ones.

        Keeps components until `variance` (0..1) is explained, at most `max_components`. The first component has
        standard deviation one, the others keep their size relative to it, with a square root that lifts small ones.
        """
        curves = np.asarray(curves, np.float64)
        mean = curves.mean(axis=0)
        weight = selected / np.maximum(curves.std(axis=0), STANDARD_DEVIATION_FLOOR)
        standard = (curves - mean) * weight
        values, vectors = np.linalg.eigh(standard.T @ standard / len(curves))
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
        explained = np.cumsum(values) / max(values.sum(), 1e-12)
        count = int(min(max_components, selected.sum(), np.searchsorted(explained, variance) + 1))
        largest = np.sqrt(max(values[0], 1e-12))
        deviation = np.maximum(np.sqrt(values[:count]), 0.02 * largest)
        gain = (deviation / largest) ** 0.5 / deviation
        projection = cls(curves.shape[1], count)
        projection.mean.copy_(torch.from_numpy(mean))
        projection.matrix.copy_(torch.from_numpy(weight[:, None] * vectors[:, :count] * gain))
        return projection

    @classmethod
    def fixed(cls, matrix: np.ndarray) -> CurveProjection:
        """Sums of curves with the weights of a matrix (K, D), whatever the footage."""
        projection = cls(*matrix.shape)
        projection.matrix.copy_(torch.from_numpy(matrix))
        return projection

    def forward(self, curves: Tensor) -> Tensor:
        """(..., D) components of curves (..., K)."""
        return (curves - self.mean) @ self.matrix
