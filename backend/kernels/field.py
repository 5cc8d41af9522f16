"""A deformation field's way from points to changes by the compiled library, as one differentiable torch function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from . import library, planes
from .arguments import struct
from .tensors import are_served, floats, pointers


def serves(points: Tensor, levels: list[Tensor], layers: tuple[Tensor, ...], head: Tensor) -> bool:
    """Whether the compiled library is there and takes these tensors: float32 on the CPU."""
    return are_served(points, *levels, *layers, head)


def change(
    points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor], layers: tuple[Tensor, ...], head: Tensor
) -> Tensor:
    """(N, O) changes of points (N, 3): tri-plane features, two hidden layers with rectifiers, a last matrix.

    low, high, levels: as `planes.encode`; layers: weights (H, E), bias (H,), weights (H, H), bias (H,), as in
    torch's Linear; head (O, H). Differentiable in levels, layers and head, not in the points. Raises ValueError or
    MemoryError.
    """
    if not serves(points, levels, layers, head):
        return in_torch(points, low, high, levels, layers, head)
    return _Change.apply(points, low, high, head, *layers, *levels)


def in_torch(
    points: Tensor, low: Tensor, high: Tensor, levels: list[Tensor], layers: tuple[Tensor, ...], head: Tensor
) -> Tensor:
    """`change` in plain torch: used where the library does not serve, and by the tests."""
    first, first_bias, second, second_bias = layers
    values = functional.relu(functional.linear(planes.in_torch(points, low, high, levels), first, first_bias))
    return functional.linear(functional.relu(functional.linear(values, second, second_bias)), head)


class _Change(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        tensors = tuple(tensor.detach().contiguous() for tensor in tensors)
        field, alive = _field(tensors)
        kept = torch.empty(library.require().talker_field_kept(field))
        out = torch.empty(field.encoding.count, field.outputs)
        library.check(library.require().talker_field_forward(field, floats(kept), floats(out)))
        del alive
        ctx.save_for_backward(kept, *tensors)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        kept, *tensors = ctx.saved_tensors
        field, alive = _field(tensors)
        upstream = upstream.contiguous()
        learned = [torch.empty_like(tensor) for tensor in tensors[3:]]
        head, first, first_bias, second, second_bias, *levels = learned
        level_pointers = pointers(levels)
        gradient = struct(
            "talker_field_gradient",
            levels=level_pointers,
            first=floats(first),
            first_bias=floats(first_bias),
            second=floats(second),
            second_bias=floats(second_bias),
            head=floats(head),
        )
        library.check(library.require().talker_field_backward(field, floats(kept), floats(upstream), gradient))
        del alive
        return None, None, None, *learned


def _field(tensors: tuple[Tensor, ...] | list[Tensor]) -> tuple[Any, list]:
    """The library's view of the tensors, and what else must outlive it."""
    points, low, high, head, first, first_bias, second, second_bias, *levels = tensors
    sizes = planes.sizes_of(levels)
    level_pointers = pointers(levels)
    field = struct(
        "talker_field",
        encoding=planes.describe((points, low, high), sizes, levels[0].shape[1]),
        levels=level_pointers,
        hidden=len(first_bias),
        outputs=len(head),
        first=floats(first),
        first_bias=floats(first_bias),
        second=floats(second),
        second_bias=floats(second_bias),
        head=floats(head),
    )
    return field, [sizes, level_pointers]
