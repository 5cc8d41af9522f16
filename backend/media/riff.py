"""What stands beside the sound in WAV files: text in the INFO list of RIFF (Microsoft and IBM, Multimedia Programming
Interface, 1991), and the time reference of a Broadcast Wave (EBU Tech 3285, version 1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER = 12
"""Bytes of "RIFF", the length, and "WAVE"."""
_LONGEST_INFO = 1 << 20
_BEXT = struct.Struct("<256s32s32s10s8sIIH64s190s")
"""Description, originator, its reference, date, time, time reference (low, high), version, UMID, reserved."""
_BEXT_VERSION = 1


@dataclass(frozen=True)
class Origin:
    """What a Broadcast Wave tells of its sound."""

    first_sample: int
    """Samples from midnight to the first of the file."""
    description: str = ""
    """In ASCII, up to 256 letters."""
    originator: str = ""
    """In ASCII, up to 32 letters."""


def with_info(wav: bytes, text: Mapping[str, str]) -> bytes:
    """A WAV's bytes with an INFO list behind its sound; text: by names of four letters, kept as UTF-8."""
    longer = wav + bytes(len(wav) % 2) + _info(text)
    return longer[:4] + struct.pack("<I", len(longer) - 8) + longer[8:]


def append_info(path: Path, text: Mapping[str, str]) -> None:
    """Put what `with_info` puts into a WAV's bytes into a file. Raises OSError."""
    with open(path, "r+b") as file:
        file.write(bytes(file.seek(0, 2) % 2) + _info(text))
        length = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", length - 8))


def origin_chunk(origin: Origin) -> bytes:
    """What makes a Broadcast Wave of a WAV. No date is in it: the same sound gives the same bytes."""
    low, high = origin.first_sample & 0xFFFFFFFF, origin.first_sample >> 32
    texts = (origin.description.encode("ascii", "replace"), origin.originator.encode("ascii", "replace"), b"", b"", b"")
    return _chunk(b"bext", _BEXT.pack(*texts, low, high, _BEXT_VERSION, b"", b""))


def mono_header(rate: int, chunk: bytes = b"") -> bytes:
    """The beginning of a WAV of one channel of 16 bits, to its first sample; chunk: what else stands before that. Its
    lengths are 0 until `finish`."""
    form = _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16))
    return struct.pack("<4sI4s", b"RIFF", 0, b"WAVE") + form + chunk + struct.pack("<4sI", b"data", 0)


def finish(file: BinaryIO, chunk: int = 0) -> None:
    """Put the lengths into a WAV that was begun with `mono_header` and `chunk` more bytes. Raises OSError."""
    length = file.seek(0, 2)
    header = len(mono_header(0)) + chunk
    for at, told in ((4, length - 8), (header - 4, length - header)):
        file.seek(at)
        file.write(struct.pack("<I", told))


def _info(text: Mapping[str, str]) -> bytes:
    entries = b"".join(_chunk(name.encode("ascii"), value.encode("utf-8") + b"\0") for name, value in text.items())
    return _chunk(b"LIST", b"INFO" + entries)


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
