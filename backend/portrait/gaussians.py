"""A set of 3D Gaussians and where they start: face mesh, rest of the head, inside of the mouth, torso."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from shared.camera import Intrinsics

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
    """Learnable Gaussians in canonical (head, cm) coordinates: RGB without view dependence, as head motion is the
    only view change that footage of one camera shows."""

    mattes: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(count, 3))
        self.rotations = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.log_scales = nn.Parameter(torch.zeros(count, 3))
        self.opacity_logits = nn.Parameter(torch.zeros(count))
        self.colour_logits = nn.Parameter(torch.zeros(count, 3))
        self.register_buffer("mattes", torch.zeros(count, dtype=torch.long))

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def from_seeds(cls, seeds: Seeds) -> GaussianSet:
        """Gaussians that lie at the seeds, each about as wide as its spacing."""
        gaussians = cls(len(seeds.points))
        with torch.no_grad():
            gaussians.means.copy_(torch.from_numpy(seeds.points))
            spread = torch.from_numpy(seeds.spacing * 0.6).clamp(0.02, 2.0).log()
            gaussians.log_scales.copy_(spread[:, None].expand(-1, 3))
            gaussians.opacity_logits.fill_(float(np.log(OPACITY_START / (1 - OPACITY_START))))
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
        return torch.nn.functional.one_hot(self.mattes, MATTES).to(self.means.dtype)


def sample_mesh(
    vertices: np.ndarray, triangles: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` points spread evenly over a mesh: (count, 3) points and (count,) spacing, in the vertices' units.

    vertices (V, 3), triangles (F, 3) vertex indices. Stratified over the cumulated area.
    """
    corners = vertices[triangles]
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    edges = np.cumsum(areas)
    targets = (np.arange(count) + rng.random(count)) / count * edges[-1]
    chosen = corners[np.minimum(np.searchsorted(edges, targets), len(areas) - 1)]
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    points = np.einsum("nk,nkd->nd", weights, chosen)
    return points, np.full(count, np.sqrt(edges[-1] / max(count, 1)))


def project(points: np.ndarray, camera_from_head: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """(N, 2) pixels of head points (N, 3)."""
    seen = points @ camera_from_head[:3, :3].T + camera_from_head[:3, 3]
    depth = np.maximum(seen[:, 2:], 1e-3)
    return seen[:, :2] / depth * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)


def back_project(
    pixels: np.ndarray, depth_cm: np.ndarray, camera_from_head: np.ndarray, intrinsics: Intrinsics
) -> np.ndarray:
    """(N, 3) head points that are seen at pixels (N, 2) in depths (N,) along the optical axis, cm."""
    rays = (pixels - (intrinsics.cx, intrinsics.cy)) / (intrinsics.fx, intrinsics.fy)
    seen = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) * np.asarray(depth_cm)[:, None]
    return (seen - camera_from_head[:3, 3]) @ camera_from_head[:3, :3]


def read_pixels(picture: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, C) values of a picture (H, W, C) at pixels (N, 2), the nearest one inside the frame."""
    height, width = picture.shape[:2]
    column = np.clip(np.floor(pixels[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.floor(pixels[:, 1]).astype(int), 0, height - 1)
    return picture[row, column]
