"""A set of 3D Gaussians, and the points from which it is initialised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from backend.raster.rasterize import one_hot
from backend.raster.spherical_harmonics import BASES

ORAL, FACE, HAIR, TORSO = range(4)
"""Matte of a Gaussian, in the order of shared.layout.REGION_NAMES."""

MATTES = 4

OPACITY_START = 0.6


@dataclass
class Seeds:
    """Starting points of Gaussians. N points."""

    points: np.ndarray
    """(N, 3) head cm."""
    colours: np.ndarray
    """(N, 3) display RGB in [0, 1]."""
    spacing: np.ndarray
    """(N,) distance to the neighbours, cm."""
    mattes: np.ndarray
    """(N,) ORAL, FACE, HAIR or TORSO."""

    def joined(self, other: Seeds) -> Seeds:
        """Both sets, one after the other."""
        names = ("points", "colours", "spacing", "mattes")
        return Seeds(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


class GaussianSet(nn.Module):
    """Learnable Gaussians in canonical (head, cm) coordinates: RGB, which spherical harmonics of a degree above 0
    change with the direction of view (portrait.harmonics)."""

    mattes: Tensor

    def __init__(self, count: int, degree: int = 0) -> None:
        super().__init__()
        self.harmonics = nn.Parameter(torch.zeros(count, BASES[degree] - 1, 3)) if degree else None
        self.means = nn.Parameter(torch.zeros(count, 3))
        self.rotations = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.log_scales = nn.Parameter(torch.zeros(count, 3))
        self.opacity_logits = nn.Parameter(torch.zeros(count))
        self.colour_logits = nn.Parameter(torch.zeros(count, 3))
        self.register_buffer("mattes", torch.zeros(count, dtype=torch.long))

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def from_seeds(cls, seeds: Seeds, degree: int = 0, opacity: float = OPACITY_START) -> GaussianSet:
        """Gaussians at the seeds, each about as wide as the distance to its neighbours, `opacity` in (0, 1)."""
        gaussians = cls(len(seeds.points), degree)
        with torch.no_grad():
            gaussians.means.copy_(torch.from_numpy(seeds.points))
            spread = torch.from_numpy(seeds.spacing * 0.6).clamp(0.02, 2.0).log()
            gaussians.log_scales.copy_(spread[:, None].expand(-1, 3))
            gaussians.opacity_logits.fill_(float(np.log(opacity / (1 - opacity))))
            gaussians.colour_logits.copy_(torch.logit(torch.from_numpy(seeds.colours), eps=0.02))
            gaussians.mattes.copy_(torch.from_numpy(seeds.mattes))
        return gaussians

    @property
    def opacities(self) -> Tensor:
        """(N,) in (0, 1)."""
        return torch.sigmoid(self.opacity_logits)

    @property
    def colours(self) -> Tensor:
        """(N, 3) display RGB in (0, 1)."""
        return torch.sigmoid(self.colour_logits)

    @property
    def matte_features(self) -> Tensor:
        """(N, 4) one-hot mattes, so that rendered mattes sum to alpha."""
        return one_hot(self.mattes, MATTES).to(self.means.dtype)
