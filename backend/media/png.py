"""PNG files that carry text: 8-bit RGB or RGBA with tEXt chunks (PNG specification, 11.3.3)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from shared.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMPRESSION = 3


def write_png(path: Path, picture: np.ndarray, text: Mapping[str, str] | None = None) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA uint8 with `text` by keyword, through a temporary name.

    Raises InputError when it cannot be written.
    """
    code = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    data = cv2.imencode(".png", cv2.cvtColor(picture, code), [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])[1].tobytes()
    chunks = b"".join(_text_chunk(name, value) for name, value in (text or {}).items())
    after_header = len(_SIGNATURE) + 12 + struct.unpack_from(">I", data, len(_SIGNATURE))[0]
    temporary = path.with_name(path.name + ".partial")
    try:
        temporary.write_bytes(data[:after_header] + chunks + data[after_header:])
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written ({error.strerror}).", "Check the free space.") from error


def read_text(path: Path) -> dict[str, str]:
    """Text by keyword that stands before a PNG's picture; empty for a file that is no PNG or is cut off.

    Raises OSError when it cannot be read.
    """
    found: dict[str, str] = {}
    with open(path, "rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return {}
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                break
            body = file.read(length + 4)[:-4]
            if kind == b"tEXt":
                name, _, value = body.partition(b"\0")
                found[name.decode("latin-1")] = value.decode("latin-1")
    return found


def read_rgba(path: Path) -> np.ndarray:
    """(H, W, 4) uint8 of an RGBA PNG. Raises InputError when it is damaged or has no alpha."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 3 or stored.shape[2] != 4 or stored.dtype != np.uint8:
        raise InputError(f"{path} is damaged.", "Delete it and render again.")
    return cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA)


def _text_chunk(name: str, value: str) -> bytes:
    """A tEXt chunk; what Latin-1 does not have is replaced by question marks."""
    body = b"tEXt" + name.encode("latin-1", "replace") + b"\0" + value.encode("latin-1", "replace")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
