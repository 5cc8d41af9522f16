"""Tensors as the library takes them: on the CPU, of one type, contiguous; and whether it takes them at all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import library
from .arguments import NULL
from .library import ffi

_cast = ffi.cast
_FLOAT32 = torch.float32
_FLOATS, _DOUBLES, _LONGS = ffi.typeof("float *"), ffi.typeof("double *"), ffi.typeof("int64_t *")


def are_served(*tensors: Tensor | None) -> bool:
    """Whether there is a library and all of these are float32 on the CPU: what most kernels ask for."""
    return all(t is None or (t.dtype is _FLOAT32 and t.is_cpu) for t in tensors) and library.load() is not None


def floats(tensor: Tensor | None) -> Any:
    """Where a float32 tensor's values begin; None is a null pointer. The tensor must outlive it.

    Raises ValueError for a tensor of another type, not on the CPU, or not contiguous.
    """
    if tensor is None:
        return NULL
    # Called a hundred times in a training step, so the check is written out here.
    if tensor.dtype is not _FLOAT32 or not tensor.is_cpu or not tensor.is_contiguous():
        raise ValueError(_complaint(tensor, _FLOAT32))
    return _cast(_FLOATS, tensor.data_ptr())


def doubles(tensor: Tensor | None) -> Any:
    """As `floats`, for float64."""
    return NULL if tensor is None else _cast(_DOUBLES, _address(tensor, torch.float64))


def longs(tensor: Tensor | None) -> Any:
    """As `floats`, for int64."""
    return NULL if tensor is None else _cast(_LONGS, _address(tensor, torch.int64))


def strided(tensor: Tensor) -> Any:
    """As `floats`, for a tensor of any strides."""
    if tensor.dtype is not _FLOAT32 or not tensor.is_cpu:
        raise ValueError(_complaint(tensor, _FLOAT32))
    return _cast(_FLOATS, tensor.data_ptr())


def pointers(tensors: list[Tensor]) -> Any:
    """A new array of where float32 tensors begin. They must outlive it."""
    return ffi.new("float *[]", [floats(tensor) for tensor in tensors])


def _address(tensor: Tensor, dtype: torch.dtype) -> int:
    if tensor.dtype != dtype or not tensor.is_cpu or not tensor.is_contiguous():
        raise ValueError(_complaint(tensor, dtype))
    return tensor.data_ptr()


def _complaint(tensor: Tensor, dtype: torch.dtype) -> str:
    return (
        f"a kernel was given a tensor {tuple(tensor.shape)} of {tensor.dtype} on {tensor.device} with strides "
        f"{tensor.stride()}, expected {dtype} on the CPU, contiguous"
    )
