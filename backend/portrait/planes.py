"""Tri-plane encoding of canonical positions (after ER-NeRF's tri-hash, without the hash: no level ever collides)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backend.kernels import planes


class TriPlane(nn.Module):
    """Features of a point, bilinearly read from three axis-aligned planes at several resolutions.

    The encoded box is the unit cube until `enclose` is called; points outside it read the border.
    """

    low: Tensor
    high: Tensor

    def __init__(self, resolutions: tuple[int, ...], features: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(3))
        self.register_buffer("high", torch.ones(3))
        self.levels = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(len(planes.PLANE_AXES), features, size, size)) for size in resolutions
        )
        self.width = len(planes.PLANE_AXES) * features * len(resolutions)

    def enclose(self, points: Tensor, margin_cm: float) -> None:
        """Encode the bounding box of points (N, 3), head cm, widened by a margin on every side."""
        self.low.copy_(points.detach().amin(dim=0) - margin_cm)
        self.high.copy_(points.detach().amax(dim=0) + margin_cm)

    def forward(self, points: Tensor) -> Tensor:
        """(N, width) features of points (N, 3), head cm. No gradient flows to the points (cheaper, as good)."""
        return planes.encode(points, self.low, self.high, list(self.levels))
