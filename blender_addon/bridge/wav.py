"""WAV files by the bytes that are there: recorders and speech services that stream write headers without a length."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = (0, 0xFFFFFFFF)
"""Lengths by which a header says that it does not know."""


class NotWav(Exception):
    """A file that is no WAV of plain samples."""


@dataclass(frozen=True)
class Wav:
    """Where the samples of a WAV are."""

    path: Path
    channels: int
    width: int
    """Bytes of a sample."""
    rate: int
    """Hz."""
    is_pcm: bool
    """Whether samples are integers, not floats."""
    start: int
    """Byte at which the samples begin."""
    frames: int
    """Samples of each channel that are there, whatever the header says."""

    @classmethod
    def open(cls, path: Path) -> Wav:
        """Read the header. Raises NotWav where it is none of plain samples, OSError where the file cannot be read."""
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            kind, _, form = _unpacked("<4sI4s", file.read(12))
            if kind not in (b"RIFF", b"RF64") or form != b"WAVE":
                raise NotWav
            layout, long_size = None, None
            while True:
                name, length = _unpacked("<4sI", file.read(8))
                if name == b"data":
                    break
                body = file.read(length + length % 2)
                if name == b"ds64":
                    long_size = _unpacked("<QQ", body)[1]
                if name == b"fmt ":
                    layout = body
            start = file.tell()
        if layout is None:
            raise NotWav
        code, channels, rate, _, block, bits = _unpacked("<HHIIHH", layout)
        if code == EXTENSIBLE:
            code = _unpacked("<24xH", layout)[0]
        if code not in (PCM, FLOAT) or not channels or not rate or block != channels * ((bits + 7) // 8) or not block:
            raise NotWav
        if kind == b"RF64" and long_size:
            length = long_size
        there = size - start if length in _UNKNOWN else min(length, size - start)
        return cls(path, channels, block // channels, rate, code == PCM, start, there // block)

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.frames, self.rate)

    def read(self, first: int, count: int) -> bytes:
        """Samples of all channels from sample `first` on: up to `count` of each. Raises OSError."""
        size = self.channels * self.width
        with open(self.path, "rb") as file:
            file.seek(self.start + first * size)
            return file.read(max(0, min(count, self.frames - first)) * size)


def _unpacked(form: str, data: bytes) -> tuple:
    try:
        return struct.unpack_from(form, data)
    except struct.error as error:
        raise NotWav from error
