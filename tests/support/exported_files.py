"""Files that the program hands out, read as their formats' pages say, with none of the program's own code but `Splats`.

PLY: 3D Gaussian Splatting's reference program. SPZ: Niantic Labs' page, version 3. Broadcast Wave: EBU Tech 3285.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from backend.media.splats import Splats

_HARMONIC_0 = 0.5 / np.sqrt(np.pi)


def read_ply(path: Path) -> tuple[Splats, dict[str, str]]:
    """Gaussians, and comments by their first word."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    text = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("comment "))
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    (count,) = (int(line.split()[2]) for line in lines if line.startswith("element vertex "))
    columns = np.frombuffer(body, "<f4").reshape(count, len(names)).astype(np.float64).T
    of = dict(zip(names, columns, strict=True))

    def stacked(*wanted: str) -> np.ndarray:
        return np.stack([of[name] for name in wanted], axis=1)

    colours = stacked("f_dc_0", "f_dc_1", "f_dc_2") * _HARMONIC_0 + 0.5
    return Splats(
        stacked("x", "y", "z"), stacked("rot_0", "rot_1", "rot_2", "rot_3"),
        np.exp(stacked("scale_0", "scale_1", "scale_2")), 1.0 / (1.0 + np.exp(-of["opacity"])), colours,
    ), text  # fmt: skip


def read_spz(path: Path) -> tuple[Splats, str]:
    """Gaussians, and the comment of the gzip file."""
    data = gzip.decompress(path.read_bytes())
    magic, version, count, degree, bits, flags, _ = struct.unpack_from("<4sIIBBBB", data)
    assert (magic, version, degree, flags) == (b"NGSP", 3, 0, 0) and len(data) == 16 + 20 * count
    places, alphas, colours, scales, turns = np.split(
        np.frombuffer(data, np.uint8, offset=16), np.cumsum([9 * count, count, 3 * count, 3 * count])
    )
    means = [int.from_bytes(bytes(part), "little", signed=True) for part in places.reshape(-1, 3)]
    splats = Splats(
        np.array(means).reshape(count, 3) / 2**bits,
        np.array([_rotation(packed) for packed in turns.view("<u4").tolist()]),
        np.exp(scales.reshape(count, 3) / 16.0 - 10.0), alphas / 255.0,
        (colours.reshape(count, 3) / 255.0 - 0.5) / 0.15 * _HARMONIC_0 + 0.5,
    )  # fmt: skip
    return splats, path.read_bytes()[10:].split(b"\0")[0].decode("latin-1")


def _rotation(packed: int) -> list[float]:
    """w, x, y, z of the smallest three components and which of x, y, z, w is the largest."""
    found, largest = [0.0] * 4, packed >> 30
    for shift, axis in zip((20, 10, 0), (axis for axis in range(4) if axis != largest), strict=True):
        size = (packed >> shift & 511) / 511 / np.sqrt(2.0)
        found[axis] = -size if packed >> shift & 512 else size
    found[largest] = float(np.sqrt(max(0.0, 1.0 - sum(part * part for part in found))))
    return [found[3], *found[:3]]


def time_reference(wave: Path) -> tuple[int, str]:
    """(samples from midnight to the first one, originator) of a Broadcast Wave."""
    data = wave.read_bytes()
    at = data.index(b"bext") + 8
    originator = data[at + 256 : at + 288].split(b"\0")[0].decode("ascii")
    return int.from_bytes(data[at + 338 : at + 346], "little"), originator
