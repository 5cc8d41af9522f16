"""The outermost boxes of an .mp4 (ISO/IEC 14496-12, 4.2), and the texts that stand in it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import av

from backend.media.container import opened


def read_texts(path: Path) -> dict[str, str]:
    """A movie's metadata by FFmpeg's names; empty for a file that is no movie. Raises MemoryError."""
    try:
        with opened(path) as container:
            return dict(container.metadata)
    except MemoryError:  # FFmpeg's is one of its errors too, and says nothing of the file
        raise
    except (av.FFmpegError, OSError, ValueError):
        return {}


def is_whole(path: Path) -> bool:
    """Whether a file's boxes fill it to its last byte, and one describes the movie. Raises OSError."""
    kinds, end = [], 0
    for kind, at, length, _ in _boxes(path):
        kinds.append(kind)
        end = at + length
    return b"moov" in kinds and end == path.stat().st_size


def has_uuid_box(path: Path, uuid: UUID) -> bool:
    """Whether there is a box of the kind that this number names. Raises OSError."""
    return any(kind == b"uuid" and body == uuid.bytes for kind, _, _, body in _boxes(path))


def _boxes(path: Path) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Kind, place, length (with the header) and first 16 bytes of each box."""
    at = 0
    with open(path, "rb") as file:
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            header = 8
            if length == 1:  # the length follows in 64 bits
                longer = file.read(8)
                length, header = (struct.unpack(">Q", longer)[0], 16) if len(longer) == 8 else (0, 16)
            elif length == 0:  # to the file's end
                length = path.stat().st_size - at
            if length < header:
                return
            yield kind, at, length, file.read(16)
            at += length
            file.seek(at)
