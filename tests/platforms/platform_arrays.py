"""Named arrays in a file, as the harness reads and writes them; harness/arrays.h is the other side."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Every array under its name, its elements in C order. The type must be one that arrays.h knows."""
    with path.open("wb") as file:
        for name, array in arrays.items():
            encoded = name.encode()
            file.write(struct.pack("<i", len(encoded)) + encoded)
            file.write(struct.pack("<iq", ord(_letter(array.dtype)), array.size))
            file.write(np.ascontiguousarray(array).tobytes())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file, flat."""
    data, at, arrays = path.read_bytes(), 0, {}
    while at < len(data):
        (length,) = struct.unpack_from("<i", data, at)
        name = data[at + 4 : at + 4 + length].decode()
        letter, count = struct.unpack_from("<iq", data, at + 4 + length)
        at += 4 + length + 12
        arrays[name] = np.frombuffer(data, chr(letter), count, at)
        at += arrays[name].nbytes
    return arrays


def _letter(dtype: np.dtype) -> str:
    """numpy's letter for an element type; 64-bit integers are "q" on every platform."""
    return "q" if dtype == np.int64 else dtype.char
