"""A deformation field's way from points to changes by the compiled library, as one differentiable torch function."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, memory, planes, threads


class _Field(ctypes.Structure):
    """talker_field of api.h."""

    _fields_ = (
        ("encoding", planes.Planes),
        ("levels", ctypes.c_void_p),
        ("hidden", ctypes.c_int32),
        ("outputs", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in ("first", "first_bias", "second", "second_bias", "head")),
    )


class _Gradient(ctypes.Structure):
    """talker_field_gradient of api.h."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("levels", "first", "first_bias", "second", "second_bias", "head")
    )


def change(
    points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor], layers: tuple[Tensor, ...], head: Tensor
) -> Tensor:
    """(N, O) changes of points (N, 3): tri-plane features, two hidden layers with rectifiers, a last matrix.

    low, high, levels: as `planes.encode`; layers: weights (H, E), bias (H,), weights (H, H), bias (H,), as torch's
    Linear has them; head (O, H). Differentiable in levels, layers and head, not in the points. For tensors that
    `planes.serves`. Raises ValueError or MemoryError.
    """
    return _Change.apply(points, low, high, head, *layers, *levels)


def poses(hidden_values: Tensor, head: Tensor) -> bool:
    """Whether `pose` takes these: float32 on the CPU, where nothing learns and the compiled library is there."""
    tensors = (hidden_values, head)
    return (
        all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
        and not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))
        and library.load() is not None
    )


def pose(hidden_values: Tensor, head: Tensor) -> Tensor:
    """(N, O) changes of points with second hidden values (N, H) by a head (O, H), without gradients.

    For tensors that `poses` accepts. Raises ValueError or MemoryError.
    """
    hidden_values, head = hidden_values.contiguous(), head.contiguous()
    count, hidden = hidden_values.shape
    if head.shape[1] != hidden:
        raise ValueError(f"a head of shape {tuple(head.shape)} for {hidden} hidden values")
    out = memory.empty(count, len(head))
    status = library.require().talker_field_pose(
        ctypes.c_void_p(hidden_values.data_ptr()),
        ctypes.c_void_p(head.data_ptr()),
        ctypes.c_int64(count),
        hidden,
        len(head),
        threads.count(),
        ctypes.c_void_p(out.data_ptr()),
    )
    library.check(status)
    return out


class _Change(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *tensors):
        tensors = tuple(tensor.detach().contiguous() for tensor in tensors)
        field, alive = _field(tensors)
        kept = torch.empty(library.require().talker_field_kept(ctypes.byref(field)))
        out = torch.empty(field.encoding.count, field.outputs)
        status = library.require().talker_field_forward(
            ctypes.byref(field), ctypes.c_void_p(kept.data_ptr()), ctypes.c_void_p(out.data_ptr())
        )
        library.check(status)
        del alive
        ctx.save_for_backward(kept, *tensors)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        kept, *tensors = ctx.saved_tensors
        field, alive = _field(tensors)
        upstream = upstream.contiguous()
        learned = [torch.empty_like(tensor) for tensor in tensors[3:]]
        head, first, first_bias, second, second_bias, *levels = learned
        level_pointers = planes.pointers(levels)
        gradient = _Gradient(
            ctypes.addressof(level_pointers),
            *(tensor.data_ptr() for tensor in (first, first_bias, second, second_bias, head)),
        )
        status = library.require().talker_field_backward(
            ctypes.byref(field),
            ctypes.c_void_p(kept.data_ptr()),
            ctypes.c_void_p(upstream.data_ptr()),
            ctypes.byref(gradient),
        )
        library.check(status)
        del alive
        return None, None, None, *learned


def _field(tensors: tuple[Tensor, ...] | list[Tensor]) -> tuple[_Field, list]:
    """The library's view of the tensors, and what must outlive it."""
    points, low, high, head, first, first_bias, second, second_bias, *levels = tensors
    sizes = planes.sizes_of(levels)
    level_pointers = planes.pointers(levels)
    field = _Field(
        planes.describe((points, low, high), sizes, levels[0].shape[1]),
        ctypes.addressof(level_pointers),
        *first_bias.shape,
        len(head),
        *(tensor.data_ptr() for tensor in (first, first_bias, second, second_bias, head)),
    )
    return field, [sizes, level_pointers]
