"""Text in WAV files: the INFO list of RIFF (Microsoft and IBM, Multimedia Programming Interface, 1991)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

_HEADER = 12
"""Bytes of "RIFF", the length, and "WAVE"."""
_LONGEST_INFO = 1 << 20


def with_info(wav: bytes, text: Mapping[str, str]) -> bytes:
    """A WAV's bytes with an INFO list behind its sound; text: by names of four letters, kept as UTF-8."""
    entries = b"".join(_chunk(name.encode("ascii"), value.encode("utf-8") + b"\0") for name, value in text.items())
    longer = wav + bytes(len(wav) % 2) + _chunk(b"LIST", b"INFO" + entries)
    return longer[:4] + struct.pack("<I", len(longer) - 8) + longer[8:]


def read_info(path: Path) -> dict[str, str]:
    """The text in a WAV's INFO list; empty for a file that is no WAV or has none. Raises OSError."""
    with open(path, "rb") as file:
        if not _is_wave(file.read(_HEADER)):
            return {}
        while len(head := file.read(8)) == 8:
            kind, length = struct.unpack("<4sI", head)
            padded = length + length % 2
            if kind == b"LIST" and length <= _LONGEST_INFO:
                body = file.read(padded)
                if body[:4] == b"INFO":
                    return _entries(body[4:length])
            else:
                file.seek(padded, 1)
    return {}


def is_whole(path: Path) -> bool:
    """Whether a file is a WAV with as many bytes as it says. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(_HEADER)
        length = file.seek(0, 2)
    return _is_wave(head) and struct.unpack_from("<I", head, 4)[0] + 8 == length


def has_chunk(path: Path, kind: bytes) -> bool:
    """Whether a WAV has a chunk of this kind. Raises OSError."""
    with open(path, "rb") as file:
        if not _is_wave(file.read(_HEADER)):
            return False
        while len(head := file.read(8)) == 8:
            found, length = struct.unpack("<4sI", head)
            if found == kind:
                return True
            file.seek(length + length % 2, 1)
    return False


def _is_wave(head: bytes) -> bool:
    return len(head) == _HEADER and head[:4] == b"RIFF" and head[8:] == b"WAVE"


def _entries(body: bytes) -> dict[str, str]:
    found, at = {}, 0
    while at + 8 <= len(body):
        name, length = struct.unpack_from("<4sI", body, at)
        text = body[at + 8 : at + 8 + length].split(b"\0")[0]
        found[name.decode("latin-1")] = text.decode("utf-8", "replace")
        at += 8 + length + length % 2
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(body)) + body + bytes(len(body) % 2)
