"""Tri-plane encoding by the compiled library, as a differentiable torch function."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, threads


class Planes(ctypes.Structure):
    """talker_planes of api.h."""

    _fields_ = (
        ("count", ctypes.c_int64),
        ("points", ctypes.c_void_p),
        ("low", ctypes.c_void_p),
        ("high", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("level_count", ctypes.c_int32),
        ("features", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    )


def serves(points: Tensor, levels: list[Tensor]) -> bool:
    """Whether the compiled library is there and takes these tensors: float32 on the CPU."""
    return all(t.dtype == torch.float32 and t.device.type == "cpu" for t in (points, *levels)) and (
        library.load() is not None
    )


def encode(points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor]) -> Tensor:
    """(N, L * 3 * F) features of points (N, 3), read bilinearly from L levels (3, F, R, R) of planes XY, YZ, XZ.

    low, high (3,): the box that the planes span, cell centres at its corners; points outside read the border. As
    torch's grid_sample with align_corners and border padding. Differentiable in the levels, not in the points.
    """
    return _Encode.apply(points, low, high, *levels)


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points, low, high, *levels):
        box = tuple(tensor.detach().contiguous() for tensor in (points, low, high))
        levels = [level.contiguous() for level in levels]
        features, count = levels[0].shape[1], len(levels)
        out = torch.empty(len(points), count * 3 * features)
        sizes = sizes_of(levels)
        status = library.require().talker_planes_forward(
            ctypes.byref(describe(box, sizes, features)), pointers(levels), ctypes.c_void_p(out.data_ptr())
        )
        library.check(status)
        ctx.save_for_backward(*box, sizes)
        ctx.shapes = [level.shape for level in levels]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        *box, sizes = ctx.saved_tensors
        if not any(ctx.needs_input_grad[3:]):
            return (None,) * (3 + len(ctx.shapes))
        upstream = upstream.contiguous()
        gradients = [torch.empty(shape) for shape in ctx.shapes]
        status = library.require().talker_planes_backward(
            ctypes.byref(describe(box, sizes, ctx.shapes[0][1])),
            ctypes.c_void_p(upstream.data_ptr()),
            pointers(gradients),
        )
        library.check(status)
        return None, None, None, *gradients


def describe(box: tuple[Tensor, ...] | list[Tensor], sizes: Tensor, features: int) -> Planes:
    """The library's view of points, low and high corner, and levels of these sizes. The tensors must outlive it."""
    points, low, high = box
    return Planes(
        len(points),
        points.data_ptr(),
        low.data_ptr(),
        high.data_ptr(),
        sizes.data_ptr(),
        len(sizes),
        features,
        threads.count(),
    )


def sizes_of(levels: list[Tensor]) -> Tensor:
    """(L,) the levels' resolutions, int32."""
    return torch.tensor([level.shape[-1] for level in levels], dtype=torch.int32)


def pointers(tensors: list[Tensor]) -> ctypes.Array:
    """Where the tensors lie. They must outlive it."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))
