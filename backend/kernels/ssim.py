"""Structural similarity and its gradient by the compiled library."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from . import library
from .channels import planes


def ssim_with_gradient(
    picture: Tensor, target: Tensor, want_gradient: bool, threads: int
) -> tuple[float, Tensor | None]:
    """Mean similarity of float32 CPU pictures (H, W, C), and its gradient by `picture`, laid out as (C, H, W) planes.

    Window and constants: backend.train.ssim. Raises MemoryError.
    """
    height, width, channels = picture.shape
    gradient = torch.empty(channels, height, width) if want_gradient else None
    mean = ctypes.c_double()
    status = library.require().talker_ssim(
        planes(picture),
        planes(target),
        channels,
        width,
        height,
        threads,
        ctypes.byref(mean),
        None if gradient is None else ctypes.c_void_p(gradient.data_ptr()),
    )
    library.check(status)
    return mean.value, None if gradient is None else gradient.permute(1, 2, 0)
