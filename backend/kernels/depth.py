"""Expected depth of a drawn picture, by the compiled library."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from . import library, threads


def expect_depth(alpha: Tensor, depth: Tensor, least_alpha: float, empty: float) -> Tensor:
    """(H, W) depth over alpha of a premultiplied depth (H, W); `empty` where alpha (H, W) is below `least_alpha`.

    Uses the memory of `depth` where it can.
    """
    lib = library.load()
    plain = all(t.dtype == torch.float32 and t.device.type == "cpu" and t.is_contiguous() for t in (alpha, depth))
    if lib is None or not plain:
        visible = alpha >= least_alpha
        return torch.where(visible, depth / alpha.clamp_min(least_alpha), torch.full_like(depth, empty))
    status = lib.talker_expect_depth(
        *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (alpha, depth)),
        ctypes.c_int64(depth.numel()),
        ctypes.c_float(least_alpha),
        ctypes.c_float(empty),
        threads.count(),
    )
    library.check(status)
    return depth
