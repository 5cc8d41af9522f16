"""Tri-plane encoding by the compiled library, as a differentiable torch function."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from . import library, threads
from .arguments import array, struct
from .tensors import are_served, floats, pointers

PLANE_AXES = ((0, 1), (1, 2), (0, 2))
"""Axes of a point that span the planes of a level: XY, YZ, XZ."""


def serves(points: Tensor, levels: list[Tensor]) -> bool:
    """Whether the compiled library is there and takes these tensors: float32 on the CPU."""
    return are_served(points, *levels)


def encode(points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor]) -> Tensor:
    """(N, L * 3 * F) features of points (N, 3), read bilinearly from L levels (3, F, R, R) of planes XY, YZ, XZ.

    low, high (3,): the box that the planes span, cell centres at its corners; points outside read the border. As
    torch's grid_sample with align_corners and border padding. Differentiable in the levels, not in the points.
    """
    if not serves(points, levels):
        return in_torch(points, low, high, levels)
    return _Encode.apply(points, low, high, *levels)


def in_torch(points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor]) -> Tensor:
    """`encode` in plain torch: used where the library does not serve, and by the tests."""
    unit = (points.detach() - low) / (high - low) * 2 - 1
    # Columns by number: a list of indices would be copied to the device, which waits for it, every time.
    columns = unit.unbind(1)
    grid = torch.stack([torch.stack([columns[axis] for axis in axes], 1) for axes in PLANE_AXES])[:, :, None]
    read = [
        functional.grid_sample(level, grid, mode="bilinear", padding_mode="border", align_corners=True)
        for level in levels
    ]
    return torch.cat([level.reshape(-1, len(points)) for level in read]).T


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, low: Tensor, high: Tensor, *levels: Tensor) -> Tensor:
        box = tuple(tensor.detach().contiguous() for tensor in (points, low, high))
        contiguous = [level.contiguous() for level in levels]
        features, count = levels[0].shape[1], len(levels)
        out = torch.empty(len(points), count * 3 * features)
        sizes = sizes_of(contiguous)
        encoding = struct("talker_planes", **describe(box, sizes, features))
        library.check(library.require().talker_planes_forward(encoding, pointers(contiguous), floats(out)))
        ctx.save_for_backward(*box)
        ctx.sizes, ctx.shapes = sizes, [level.shape for level in levels]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        box = ctx.saved_tensors
        if not any(ctx.needs_input_grad[3:]):
            return (None,) * (3 + len(ctx.shapes))
        upstream = upstream.contiguous()
        gradients = [torch.empty(shape) for shape in ctx.shapes]
        encoding = struct("talker_planes", **describe(box, ctx.sizes, ctx.shapes[0][1]))
        library.check(library.require().talker_planes_backward(encoding, floats(upstream), pointers(gradients)))
        return None, None, None, *gradients


def describe(box: tuple[Tensor, ...] | list[Tensor], sizes: np.ndarray, features: int) -> dict[str, Any]:
    """The talker_planes of points, low and high corner, and levels of these sizes. The tensors must outlive it."""
    points, low, high = box
    return {
        "count": len(points),
        "points": floats(points),
        "low": floats(low),
        "high": floats(high),
        "sizes": array(sizes),
        "level_count": len(sizes),
        "features": features,
        "threads": threads.count(),
    }


def sizes_of(levels: list[Tensor]) -> np.ndarray:
    """(L,) the levels' resolutions, int32."""
    return np.array([level.shape[-1] for level in levels], np.int32)
