"""What the library's functions are called with: structures of api.h, and numpy arrays.

A structure holds addresses only: its maker must keep what they point to alive until the call is over.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .library import ffi

NULL = ffi.NULL
_C_TYPES = {
    np.dtype(np.float32): "float[]",
    np.dtype(np.float64): "double[]",
    np.dtype(np.float16): "uint16_t[]",
    np.dtype(np.uint16): "uint16_t[]",
    np.dtype(np.uint8): "uint8_t[]",
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.int64): "int64_t[]",
}


def struct(kind: str, **values: Any) -> Any:
    """A pointer to a new structure `kind` of api.h with these fields, all of which have to be given.

    Raises TypeError for a field too many or too few, or of another type.
    """
    pointer, _, fields = _layout(kind)
    if values.keys() != fields:
        raise TypeError(_difference(kind, values))
    return ffi.new(pointer, values)


def structs(kind: str, each: list[dict[str, Any]]) -> Any:
    """A new array of structures, each as `struct` takes it."""
    _, array_type, fields = _layout(kind)
    for values in each:
        if values.keys() != fields:
            raise TypeError(_difference(kind, values))
    return ffi.new(array_type, each)


def array(values: np.ndarray | None) -> Any:
    """A numpy array's memory as a C array of its type, which keeps it alive; None is a null pointer.

    Raises ValueError for a type that the library does not know, or an array that is not C-contiguous.
    """
    if values is None:
        return NULL
    if values.dtype not in _C_TYPES or not values.flags.c_contiguous:
        raise ValueError(f"an array of {values.dtype} with strides {values.strides}, expected a contiguous one")
    return ffi.from_buffer(_C_TYPES[values.dtype], values)


@functools.cache
def _layout(kind: str) -> tuple[Any, Any, frozenset[str]]:
    """The types of a pointer to such structures and of an array of them, and the names of the fields."""
    fields = frozenset(name for name, _ in ffi.typeof(kind).fields)
    return ffi.typeof(f"{kind} *"), ffi.typeof(f"{kind}[]"), fields


def _difference(kind: str, values: dict[str, Any]) -> str:
    wrong = ", ".join(sorted(values.keys() ^ _layout(kind)[2]))
    return f"{kind} of api.h and what Python gives it differ in: {wrong}"
