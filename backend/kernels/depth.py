"""Expected depth of a drawn picture, by the compiled library."""

from __future__ import annotations

import torch
from torch import Tensor

from . import library, threads
from .tensors import are_served, floats


def serves(alpha: Tensor, depth: Tensor) -> bool:
    """Whether the compiled library is there and takes these: float32 on the CPU, contiguous."""
    return are_served(alpha, depth) and alpha.is_contiguous() and depth.is_contiguous()


def expect_depth(alpha: Tensor, depth: Tensor, least_alpha: float, empty: float) -> Tensor:
    """(H, W) depth over alpha of a premultiplied depth (H, W); `empty` where alpha (H, W) is below `least_alpha`.

    Uses the memory of `depth` where it can.
    """
    if not serves(alpha, depth):
        return in_torch(alpha, depth, least_alpha, empty)
    status = library.require().talker_expect_depth(
        floats(alpha), floats(depth), depth.numel(), least_alpha, empty, threads.count()
    )
    library.check(status)
    return depth


def in_torch(alpha: Tensor, depth: Tensor, least_alpha: float, empty: float) -> Tensor:
    """`expect_depth` in plain torch, in new memory: used where the library does not serve, and by the tests."""
    visible = alpha >= least_alpha
    return torch.where(visible, depth / alpha.clamp_min(least_alpha), torch.full_like(depth, empty))
