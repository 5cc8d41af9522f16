"""The file by which a live picture goes from the backend to Blender: a small header, then RGBA as floats.

Floats under VIEW_GAMMA, for Blender's views take nothing else, and not every Blender has numpy to make them. A picture
appears under its name when it is whole, and says which drawing it is: a reader that comes late finds a newer one, and
sees that by its number.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

VIEW_GAMMA = 2.2
"""By its inverse Blender shows what is drawn over a view, whatever the scene's view transform."""
_MAGIC = b"TALKERL1"
_HEADER = struct.Struct("<8sQII")
_PIXEL_BYTES = 16


@dataclass(frozen=True)
class LivePicture:
    """A drawn picture."""

    number: int
    """Of the drawing; rises within one live head."""
    width: int
    height: int
    rgba: bytes
    """height x width x 4 float32, little-endian, from the top row on: sRGB values to the power of VIEW_GAMMA, straight
    alpha."""


def write_live_picture(path: Path, number: int, width: int, height: int, rgba: bytes | memoryview) -> None:
    """Write a picture in the place of what is at `path`. Raises OSError; ValueError for another length."""
    if len(rgba) != _PIXEL_BYTES * width * height:
        raise ValueError(f"{len(rgba)} bytes are no picture of {width} x {height} px")
    partial = path.with_suffix(".part")
    with open(partial, "wb", buffering=0) as file:
        file.write(_HEADER.pack(_MAGIC, number, width, height))
        file.write(rgba)
    os.replace(partial, path)


def read_live_picture(path: str | os.PathLike, number: int) -> LivePicture | None:
    """The picture of drawing `number`; None where there is another one by now, or none, or no picture."""
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_HEADER.size)
            if len(head) != _HEADER.size:
                return None
            magic, held, width, height = _HEADER.unpack(head)
            if (magic, held) != (_MAGIC, number):
                return None
            rgba = file.read(_PIXEL_BYTES * width * height)
    except OSError:  # the live head was closed meanwhile
        return None
    return LivePicture(number, width, height, rgba) if len(rgba) == _PIXEL_BYTES * width * height else None
