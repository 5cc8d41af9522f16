"""3D Gaussians as files: PLY as 3D Gaussian Splatting writes it (Kerbl et al. 2023, its reference program), and SPZ
(Niantic Labs, version 3). Both keep axes and units of what they are given.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import InputError
from shared.files import explaining, write_bytes

_BAND_0 = 0.28209479177387814
"""The constant spherical harmonic, by which colours are divided."""
_MOST_OPAQUE = 1.0 - 1e-6
"""An opacity of one has no logit."""
_PLY_FIELDS = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
_PLY_END = b"end_header\n"
_LONGEST_HEADER = 1 << 16
_SPZ = struct.Struct("<IIIBBBB")
"""Magic, version, points, degree of harmonics, fractional bits, flags, reserved."""
_SPZ_MAGIC, _SPZ_VERSION = 0x5053474E, 3
_SPZ_BITS, _SPZ_LARGEST = 16, (1 << 23) - 1
"""Positions are whole numbers of 24 bits, of which so many lie behind the point, where all fit."""
_SPZ_COLOUR = 0.15
_ROTATION_STEPS = (1 << 9) - 1
_GZIP = b"\x1f\x8b\x08\x10" + bytes(4) + b"\x02\xff"
"""The header of a gzip file with a comment and without a time (RFC 1952): the same points give the same bytes."""


@dataclass(frozen=True)
class Splats:
    """N Gaussians."""

    means: np.ndarray
    """(N, 3)"""
    quaternions: np.ndarray
    """(N, 4) w, x, y, z, of any length above 0."""
    scales: np.ndarray
    """(N, 3) standard deviations along their axes."""
    opacities: np.ndarray
    """(N,) in [0, 1]."""
    colours: np.ndarray
    """(N, 3) display values in [0, 1]."""

    def __len__(self) -> int:
        return len(self.means)


def write_ply(path: Path, splats: Splats, text: Mapping[str, str]) -> None:
    """Write Gaussians as PLY, binary, with `text` by name as comments. Raises InputError when it cannot be written."""
    opacity = np.clip(splats.opacities, 0.0, _MOST_OPAQUE).astype(np.float64)
    columns = np.concatenate(
        [
            splats.means, np.zeros_like(splats.means), (splats.colours - 0.5) / _BAND_0,
            (np.log(opacity) - np.log1p(-opacity))[:, None], np.log(splats.scales), _normalised(splats.quaternions),
        ],
        axis=1,
    )  # fmt: skip
    comments = "".join(f"comment {name} {_line(value)}\n" for name, value in text.items())
    fields = "".join(f"property float {name}\n" for name in _PLY_FIELDS)
    header = f"ply\nformat binary_little_endian 1.0\n{comments}element vertex {len(splats)}\n{fields}"
    with explaining(path):
        write_bytes(path, header.encode("ascii") + _PLY_END + columns.astype("<f4").tobytes(), durable=False)


def ply_text(path: Path) -> dict[str, str]:
    """The comments of a PLY by their first word; empty for any other file. Raises OSError."""
    with open(path, "rb") as file:
        return _ply_header(file.read(_LONGEST_HEADER))[1]


def is_whole_ply(path: Path) -> bool:
    """Whether a file has all Gaussians that it tells of. Raises OSError."""
    with open(path, "rb") as file:
        header, _, count = _ply_header(file.read(_LONGEST_HEADER))
        return file.seek(0, 2) == header + 4 * len(_PLY_FIELDS) * count


def write_spz(path: Path, splats: Splats, comment: str) -> None:
    """Write Gaussians as SPZ, with a `comment` in the header of its gzip. Raises InputError when it cannot be written,
    or a Gaussian lies too far away."""
    count, farthest = len(splats), float(np.abs(splats.means).max(initial=1e-6))
    bits = min(_SPZ_BITS, int(np.floor(np.log2(_SPZ_LARGEST / farthest))))
    if bits < 0:
        raise InputError(f"Gaussians lie {farthest:.0f} m away, farther than SPZ can tell.", "Export them as PLY.")
    fixed = np.rint(splats.means * (1 << bits)).astype("<i4")
    positions = fixed.view(np.uint8).reshape(count, 3, 4)[..., :3]
    dc = (splats.colours - 0.5) / _BAND_0
    blocks = (
        positions,
        _byte(splats.opacities * 255.0),
        _byte(dc * (_SPZ_COLOUR * 255.0) + 0.5 * 255.0),
        _byte((np.log(splats.scales) + 10.0) * 16.0),
        _smallest_three(splats.quaternions).astype("<u4"),
    )
    header = _SPZ.pack(_SPZ_MAGIC, _SPZ_VERSION, count, 0, bits, 0, 0)
    with explaining(path):
        write_bytes(path, _gzip(header + b"".join(block.tobytes() for block in blocks), comment), durable=False)


def spz_comment(path: Path) -> str:
    """The comment of a gzip file; "" where it has none. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(_LONGEST_HEADER)
    if head[:4] != _GZIP[:4]:
        return ""
    return head[len(_GZIP) :].split(b"\0")[0].decode("latin-1")


def is_whole_spz(path: Path) -> bool:
    """Whether a gzip file is as it was written. Raises OSError."""
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        decoder.decompress(path.read_bytes())
    except zlib.error:
        return False
    return decoder.eof and not decoder.unused_data


def _ply_header(data: bytes) -> tuple[int, dict[str, str], int]:
    """Length of a header, comments by their first word, and how many Gaussians there are; -1 for another file."""
    end = data.find(_PLY_END)
    if end < 0 or not data.startswith(b"ply\nformat binary_little_endian 1.0\n"):
        return 0, {}, -1
    lines = data[:end].decode("ascii", "replace").split("\n")
    text = dict(line.split(" ", 2)[1:] for line in lines if line.count(" ") > 1 and line.startswith("comment "))
    counts = [line.rpartition(" ")[2] for line in lines if line.startswith("element vertex ")]
    fields = tuple(line.rpartition(" ")[2] for line in lines if line.startswith("property "))
    is_ours = fields == _PLY_FIELDS and len(counts) == 1 and counts[0].isdecimal()
    return end + len(_PLY_END), text, int(counts[0]) if is_ours else -1


def _line(text: str) -> str:
    """A text as one line of ASCII."""
    return text.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ").replace("\r", " ")


def _normalised(quaternions: np.ndarray) -> np.ndarray:
    return np.asarray(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))


def _byte(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _smallest_three(quaternions: np.ndarray) -> np.ndarray:
    """(N,) rotations in 32 bits: which of x, y, z, w is the largest, and sign and size of the other three."""
    turns = np.roll(_normalised(quaternions), -1, axis=1)
    largest = np.abs(turns).argmax(axis=1)
    rows = np.arange(len(turns))
    turns = turns * np.where(turns[rows, largest] < 0, -1.0, 1.0)[:, None]
    packed = largest.astype(np.uint32)
    others = np.array([[j for j in range(4) if j != i] for i in range(4)])[largest]
    for column in range(3):
        value = turns[rows, others[:, column]]
        size = np.floor(_ROTATION_STEPS * np.abs(value) * np.sqrt(2.0) + 0.5).astype(np.uint32)
        packed = packed << np.uint32(10) | (value < 0).astype(np.uint32) << np.uint32(9) | size
    return packed


def _gzip(data: bytes, comment: str) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = coder.compress(data) + coder.flush()
    said = _line(comment).replace("\0", " ").encode("ascii") + b"\0"
    return _GZIP + said + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
