"""Scenes for the rasteriser's tests."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.camera import Intrinsics


def head_scene(count: int, size: int, channels: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> dict:
    """Keyword arguments of `rasterize`: an ellipsoid's shell of `count` Gaussians, centimetres, seen from the front."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    direction = torch.nn.functional.normalize(normal(count, 3), dim=-1)
    means = direction * (1 - 0.15 * uniform(count, 1)) * torch.tensor([7.2, 9.5, 8.5], dtype=torch.float64)
    distance, focal = 46.0, 1.9 * size
    radius_px = 1.0 + uniform(count, 3)
    pose = torch.eye(4, dtype=torch.float64)
    pose[2, 3] = distance
    scene = {
        "means": means,
        "quaternions": normal(count, 4),
        "scales": radius_px * distance / focal * torch.tensor([1.0, 1.0, 0.3], dtype=torch.float64),
        "opacities": torch.sigmoid(1.5 * normal(count) + 0.5),
        "features": uniform(count, channels),
        "camera_from_world": pose,
    }
    scene = {name: tensor.to(dtype) for name, tensor in scene.items()}
    return scene | {"intrinsics": Intrinsics(focal, focal, size / 2, size / 2, size, size)}


def single_splat(
    mean: tuple[float, float, float],
    scale: float,
    opacity: float,
    feature: float,
    size: int = 33,
    focal: float = 40.0,
    dtype: torch.dtype = torch.float64,
) -> dict:
    """Keyword arguments of `rasterize`: one round Gaussian before a camera at the origin."""
    return {
        "means": torch.tensor([mean], dtype=dtype),
        "quaternions": torch.tensor([[1.0, 0.0, 0.0, 0.0]], dtype=dtype),
        "scales": torch.full((1, 3), scale, dtype=dtype),
        "opacities": torch.tensor([opacity], dtype=dtype),
        "features": torch.tensor([[feature]], dtype=dtype),
        "camera_from_world": torch.eye(4, dtype=dtype),
        "intrinsics": Intrinsics(focal, focal, size / 2, size / 2, size, size),
    }


def stack(*scenes: dict) -> dict:
    """One scene that holds the Gaussians of several; camera and intrinsics of the first."""
    per_gaussian = ("means", "quaternions", "scales", "opacities", "features")
    return scenes[0] | {name: torch.cat([scene[name] for scene in scenes]) for name in per_gaussian}
