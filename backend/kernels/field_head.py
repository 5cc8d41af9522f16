"""The last layer of a deformation field by itself, by the compiled library: for a field that does not learn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from . import library, memory, threads
from .tensors import are_served, floats


def serves(hidden_values: Tensor, head: Tensor) -> bool:
    """Whether the compiled library is there and takes these: float32 on the CPU, where nothing learns."""
    learns = torch.is_grad_enabled() and (hidden_values.requires_grad or head.requires_grad)
    return not learns and are_served(hidden_values, head)


def pose(hidden_values: Tensor, head: Tensor) -> Tensor:
    """(N, O) changes of points with second hidden values (N, H) by a head (O, H).

    Raises ValueError or MemoryError.
    """
    count, hidden = hidden_values.shape
    if head.shape[1] != hidden:
        raise ValueError(f"a head of shape {tuple(head.shape)} for {hidden} hidden values")
    if not serves(hidden_values, head):
        return in_torch(hidden_values, head)
    hidden_values, head = hidden_values.contiguous(), head.contiguous()
    out = memory.empty(count, len(head))
    status = library.require().talker_field_pose(
        floats(hidden_values), floats(head), count, hidden, len(head), threads.count(), floats(out)
    )
    library.check(status)
    return out


def in_torch(hidden_values: Tensor, head: Tensor) -> Tensor:
    """`pose` in plain torch, differentiable: used where the library does not serve, and by the tests."""
    return functional.linear(hidden_values, head)
