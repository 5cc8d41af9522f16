"""Structural similarity (SSIM, Wang et al. 2004), as in the loss of 3D Gaussian Splatting."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.kernels import ssim as kernel
from backend.kernels import threads

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
    if picture.dtype == target.dtype == torch.float32 and not target.requires_grad:
        return _FastSsim.apply(picture, target)
    return ssim_map(picture, target).mean()


class _FastSsim(torch.autograd.Function):
    """Mean SSIM with its gradient written out: five blurs forward and three back, by the compiled kernels, by OpenCV's
    separable filter where there are none, and on a GPU by convolutions.

    Autograd through convolutions would take half of a training step, on a GPU three times as many operations.
    """

    @staticmethod
    def forward(ctx: Any, picture: Tensor, target: Tensor) -> Tensor:
        if kernel.serves(picture, target):
            want = ctx.needs_input_grad[0]
            value, gradient = kernel.ssim_with_gradient(picture.detach(), target, want, threads.count())
            if want:
                ctx.save_for_backward(gradient)
            return picture.new_tensor(value)
        if picture.device.type == "cpu":
            x, y = np.ascontiguousarray(picture.detach().numpy()), np.ascontiguousarray(target.numpy())
            value, gradient = _with_gradient(x, y, _filtered, ctx.needs_input_grad[0])
            if gradient is not None:
                ctx.save_for_backward(torch.from_numpy(gradient / np.float32(value.size)))
            return picture.new_tensor(value.mean(dtype=np.float64))
        return _in_torch(ctx, picture, target)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream * ctx.saved_tensors[0], None


def _in_torch(ctx: Any, picture: Tensor, target: Tensor) -> Tensor:
    """Forward pass of _FastSsim in torch, on any device."""
    x, y = (planes.detach().permute(2, 0, 1) for planes in (picture, target))
    value, gradient = _with_gradient(x, y, lambda *planes: _blur(torch.stack(planes)).unbind(), ctx.needs_input_grad[0])
    if gradient is not None:
        ctx.save_for_backward((gradient / value.numel()).permute(1, 2, 0))
    return value.mean()


def _with_gradient(x: Any, y: Any, blurred: Callable[..., Any], wanted: bool) -> tuple[Any, Any]:
    """The similarity around every pixel of arrays x and y, and the gradient of its sum by x where that is wanted."""
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = blurred(x, y, x * x, y * y, x * y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    a1, a2 = 2 * product + C1, 2 * (mean_xy - product) + C2
    b1, b2 = squares + C1, mean_xx + mean_yy - squares + C2
    below = 1.0 / (b1 * b2)
    value = a1 * a2 * below
    if not wanted:
        return value, None
    by_mean = 2 * mean_y * (a2 - a1) * below - 2 * mean_x * value * (1 / b1 - 1 / b2)
    of_mean, of_square, of_product = blurred(by_mean, value / b2, 2 * a1 * below)
    return value, of_mean - 2 * x * of_square + y * of_product


def _filtered(*planes: np.ndarray) -> list[np.ndarray]:
    return [_filter(plane) for plane in planes]


def _filter(plane: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 under the window, zeros outside of the picture."""
    window = np.array(window_weights(), np.float32)
    blurred = cv2.sepFilter2D(plane, cv2.CV_32F, window, window, borderType=cv2.BORDER_CONSTANT)
    return blurred.reshape(plane.shape)


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


@functools.cache
def _window(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(11,) the window's weights where they are needed, kept there."""
    return torch.tensor(window_weights(), dtype=dtype, device=device)


def _blur(planes: Tensor) -> Tensor:
    """(K, C, H, W) planes under the window, zeros outside of the picture."""
    window = _window(planes.dtype, planes.device)
    flat = planes.reshape(-1, 1, *planes.shape[-2:])
    rows = functional.conv2d(flat, window.view(1, 1, 1, -1), padding=(0, WINDOW // 2))
    return functional.conv2d(rows, window.view(1, 1, -1, 1), padding=(WINDOW // 2, 0)).view(planes.shape)
