"""Pictures as PNG files: RGB or RGBA of 8 or 16 bits, with text where wanted (tEXt and iTXt chunks, PNG specification,
11.3.3).

Files are read and written as bytes and coded in memory: OpenCV's own file functions cannot open paths outside the
system's code page on Windows, and do not report a full disk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from shared.errors import InputError
from shared.files import explained, explaining, require_file, write_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SRGB = (
    (b"cICP", bytes((1, 13, 0, 1))),
    (b"sRGB", bytes(1)),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
)
"""Chunks by which readers, new and old, know a picture to be sRGB (PNG, third edition, 11.3.2)."""
_PLAIN_ITXT = bytes(5)
"""Between keyword and text of an iTXt chunk: the keyword's end, no compression, no language, no translation."""
_SMALL = (cv2.IMWRITE_PNG_COMPRESSION, 3)
_FAST = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
"""Half the time of OpenCV's defaults, to write and to read, for files of the same size."""


def write_png(path: Path, picture: np.ndarray, text: Mapping[str, str] | None = None, *, fast: bool = False) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16, with `text` by keyword; `fast` for pictures that only we
    read.

    Whole or not at all, but not flushed to the disk: pictures are made again from others. Raises InputError when it
    cannot be written, ValueError for a picture of another shape.
    """
    with explaining(path):
        write_bytes(path, png_bytes(picture, text, fast=fast), durable=False)


def png_bytes(picture: np.ndarray, text: Mapping[str, str] | None = None, *, fast: bool = False) -> bytes:
    """The bytes of a PNG, as `write_png` writes it. Raises ValueError for a picture of another kind, MemoryError where
    there is not memory enough."""
    code = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, coded = cv2.imencode(".png", cv2.cvtColor(picture, code), _FAST if fast else _SMALL)
    if not done and picture.dtype in (np.uint8, np.uint16):
        raise MemoryError(f"a picture of shape {picture.shape} cannot be coded as PNG")  # the library says no more
    if not done:
        raise ValueError(f"pictures of {picture.dtype} cannot be coded as PNG")
    return with_text(coded.tobytes(), text or {})


def with_text(data: bytes, text: Mapping[str, str]) -> bytes:
    """The bytes of a PNG with more `text` by keyword."""
    return _after_header(data, b"".join(_text_chunk(name, value) for name, value in text.items()))


def with_chunks(data: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a PNG with more chunks, each of a kind and its content, right behind the header."""
    return _after_header(data, b"".join(_chunk(kind, body) for kind, body in chunks))


def _after_header(data: bytes, chunks: bytes) -> bytes:
    after_header = len(_SIGNATURE) + 12 + struct.unpack_from(">I", data, len(_SIGNATURE))[0]
    return data[:after_header] + chunks + data[after_header:]


def read_png(path: Path, channels: int, do: str, *, deep: bool = False) -> np.ndarray:
    """(H, W, channels) uint8, RGB or RGBA, of a PNG with so many channels; `deep`: uint16 where it has 16 bits.

    Raises InputError, which tells to `do` something, when it is missing, damaged or another kind of picture.
    """
    require_file(path, do)
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(explained(error, path).what, do) from error
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    kinds = (np.uint8, np.uint16) if deep else (np.uint8,)
    if picture is None or picture.ndim != 3 or picture.shape[2] != channels or picture.dtype not in kinds:
        raise InputError(f"{path} is damaged.", do)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA)


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
            elif kind == b"iTXt" and _PLAIN_ITXT in body:
                name, _, value = body.partition(_PLAIN_ITXT)
                found[name.decode("latin-1")] = value.decode("utf-8", "replace")
    return found


def has_chunk(path: Path, kind: bytes) -> bool:
    """Whether a PNG has a chunk of this kind before its picture. Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return False
        while len(head := file.read(8)) == 8:
            length, found = struct.unpack(">I4s", head)
            if found in (kind, b"IDAT"):
                return bool(found == kind)
            file.seek(length + 4, 1)
    return False


def is_whole(path: Path) -> bool:
    """Whether a file is a PNG to its end: every chunk has the checksum that stands behind it, and the last is there."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    at, kind = len(_SIGNATURE), b""
    if data[:at] != _SIGNATURE:
        return False
    while kind != b"IEND":
        if at + 12 > len(data):
            return False
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return False
        at = end
    return at == len(data)


def _text_chunk(name: str, value: str) -> bytes:
    """A tEXt chunk; for what Latin-1 does not have an iTXt chunk, uncompressed and of no language."""
    try:
        kind, body = b"tEXt", name.encode("latin-1") + b"\0" + value.encode("latin-1")
    except UnicodeEncodeError:
        kind = b"iTXt"
        body = name.encode("latin-1", "replace") + _PLAIN_ITXT + value.encode("utf-8", "replace")
    return _chunk(kind, body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checked = kind + body
    return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))
