"""SSIM, the structural half of the picture loss (Wang et al. 2004), as 3D Gaussian Splatting uses it."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = 11
"""Side of the Gaussian window, px."""
WINDOW_SIGMA = 1.5
"""Its standard deviation, px."""
C1, C2 = 0.01**2, 0.03**2
"""What keeps the quotients stable; for values in [0, 1]."""


def ssim(picture: Tensor, target: Tensor) -> Tensor:
    """Mean structural similarity of two pictures (H, W, C) with values about [0, 1]: a scalar, 1 for equal pictures.

    Differentiable in `picture`. Windows at the border see zeros outside, in both pictures. Raises ValueError where
    the shapes differ.
    """
    if picture.shape != target.shape or picture.ndim != 3:
        raise ValueError(
            f"pictures have shapes {tuple(picture.shape)} and {tuple(target.shape)}, expected one (H, W, C)"
        )
    return ssim_map(picture, target).mean()


def ssim_map(picture: Tensor, target: Tensor) -> Tensor:
    """(H, W, C) structural similarity around every pixel; arguments as `ssim`."""
    x, y = picture.permute(2, 0, 1), target.permute(2, 0, 1)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _blur(torch.stack([x, y, x * x, y * y, x * y]))
    variance_x, variance_y = mean_xx - mean_x * mean_x, mean_yy - mean_y * mean_y
    covariance = mean_xy - mean_x * mean_y
    above = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    below = (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2)
    return (above / below).permute(1, 2, 0)


@functools.cache
def window_weights() -> tuple[float, ...]:
    """The Gaussian window's weights along one axis; they sum to one."""
    weights = [math.exp(-0.5 * ((i - WINDOW // 2) / WINDOW_SIGMA) ** 2) for i in range(WINDOW)]
    return tuple(weight / sum(weights) for weight in weights)


def _blur(planes: Tensor) -> Tensor:
    """(K, C, H, W) planes under the window, zeros outside of the picture."""
    window = torch.tensor(window_weights(), dtype=planes.dtype, device=planes.device)
    flat = planes.reshape(-1, 1, *planes.shape[-2:])
    rows = functional.conv2d(flat, window.view(1, 1, 1, -1), padding=(0, WINDOW // 2))
    return functional.conv2d(rows, window.view(1, 1, -1, 1), padding=(WINDOW // 2, 0)).view(planes.shape)
