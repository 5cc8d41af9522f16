"""Structural similarity and its gradient by the compiled library."""

from __future__ import annotations

import torch
from torch import Tensor

from . import library
from .channels import planes
from .library import ffi
from .tensors import are_served, floats


def serves(picture: Tensor, target: Tensor) -> bool:
    """Whether the compiled library is there and takes these pictures: float32 on the CPU, the target fixed."""
    return not target.requires_grad and are_served(picture, target)


def ssim_with_gradient(
    picture: Tensor, target: Tensor, want_gradient: bool, threads: int
) -> tuple[float, Tensor | None]:
    """Mean similarity of float32 CPU pictures (H, W, C), and its gradient by `picture`, laid out as (C, H, W) planes.

    Window and constants: backend.train.ssim. Raises MemoryError.
    """
    height, width, channels = picture.shape
    gradient = torch.empty(channels, height, width) if want_gradient else None
    mean = ffi.new("double *")
    status = library.require().talker_ssim(
        planes(picture), planes(target), channels, width, height, threads, mean, floats(gradient)
    )
    library.check(status)
    return mean[0], None if gradient is None else gradient.permute(1, 2, 0)
