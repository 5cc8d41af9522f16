"""Whether an OpenEXR file of scan lines has all its chunks, by its layout, undecoded (OpenEXR File Layout)."""

from __future__ import annotations

import numpy as np

_VERSION_BYTES = 8
_MULTIPART = 0x10
"""In the second byte of the version field."""
ZIP_LINES = 16
"""Scan lines of a chunk under ZIP compression."""


def has_all_chunks(file: bytes, parts: int, height: int) -> bool:
    """Whether the tables of a file under ZIP compression lead to its chunks, and these fill it to its last byte.

    parts: how many; height: of each, px.
    """
    try:
        is_multipart = bool(file[5] & _MULTIPART)
        at = _after_headers(file, is_multipart)
        count = parts * -(-height // ZIP_LINES)
        starts = np.sort(np.frombuffer(file, "<u8", count, at)).astype(np.int64)
        lead = 8 if is_multipart else 4  # part and first line, or that alone; then comes the size
        ends = [start + lead + 4 + _number(file, start + lead) for start in starts.tolist()]
    except (ValueError, IndexError):  # it ends before
        return False
    return [at + 8 * count, *ends] == [*starts.tolist(), len(file)]


def _after_headers(file: bytes, is_multipart: bool) -> int:
    """Where the tables of chunks begin. Raises ValueError or IndexError where the file ends before."""
    at = _VERSION_BYTES
    while file[at]:
        while file[at]:
            for _ in ("name", "type"):
                at = file.index(0, at) + 1
            at += 4 + _number(file, at)
        at += 1
        if not is_multipart:
            return at
    return at + 1


def _number(file: bytes, at: int) -> int:
    """The 32-bit number at a place. Raises ValueError where the file ends before."""
    digits = file[at : at + 4]
    if len(digits) < 4:
        raise ValueError("the file ends here")
    return int.from_bytes(digits, "little")
