"""The cuda engine: the rasteriser on an NVIDIA GPU, where torch and NVIDIA Warp both see one.

Nothing is compiled at installation: Warp brings its own compiler. Works in 32-bit floats; tensors that are on the GPU
stay there, others are copied there and their gradients copied back. gsplat is not used: it draws another picture (in
the release that installs, alpha is capped at 0.99 and splats end at a radius), and that release needs CUDA's compiler.
"""

from __future__ import annotations

import functools
import importlib.util

import torch
from torch import Tensor

from shared.camera import Intrinsics

from . import capture, constants
from .cuda_lists import present_watch
from .lens import Lens

OLDEST_CAPABILITY = (7, 5)
"""Oldest compute capability that NVIDIA's present compiler supports (Turing)."""

DEVICE = "cuda"
"""Where it works. Tests that have no GPU say "cpu": the same kernels run there, slowly."""


def is_available() -> bool:
    """Whether torch and Warp both can use an NVIDIA GPU here."""
    return why_not() is None


@functools.cache
def why_not() -> str | None:
    """Why this engine does not run here, as a sentence; None where it does."""
    if not torch.cuda.is_available():
        return "torch sees no NVIDIA GPU."
    if torch.cuda.get_device_capability() < OLDEST_CAPABILITY:
        return f"{torch.cuda.get_device_name()} is too old (compute capability {OLDEST_CAPABILITY} is needed)."
    if importlib.util.find_spec("warp") is None:
        return "The package warp-lang is not installed: install the backend again."
    from .cuda_view import wp  # sets Warp up before its first use

    return None if wp.is_cuda_available() else "NVIDIA Warp cannot use the GPU: update NVIDIA's driver."


def describe() -> str:
    """One line on the GPU and on what runs there."""
    from .cuda_view import wp

    return f"NVIDIA Warp {wp.__version__} on {torch.cuda.get_device_name()}"


def render(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    threads: int = 0,
    *,
    blur: float = constants.BLUR_PX2,
    device: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (H, W, C), alpha (H, W), depth (H, W); arguments as `rasterize`. Raises ValueError.

    `threads` is ignored. `device`: where to work; None: on DEVICE.
    """
    from . import graphed_raster
    from .cuda_function import Rasterize

    device = device or DEVICE
    home, dtype = means.device, features.dtype
    where = home if home.type == device else torch.device(device)
    inputs = [
        tensor.to(where, torch.float32).contiguous()
        for tensor in (means, quaternions, scales, opacities, features, camera_from_world)
    ]
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    # Under a lens the picture is a part of something that is captured as a whole.
    alone = present_watch() is None and not isinstance(intrinsics, Lens)
    if where.type == "cuda" and not learns and alone and capture.is_wanted():
        picture, alpha, depth = graphed_raster.render(inputs, intrinsics, blur)
    else:
        picture, alpha, depth = Rasterize.apply(*inputs, intrinsics, blur)
    return picture.to(home, dtype), alpha.to(home, dtype), depth.to(home, dtype)
