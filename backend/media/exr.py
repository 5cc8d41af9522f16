"""Multilayer OpenEXR frames with the layer names for which Blender shows sockets."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenEXR

from shared.errors import InputError
from shared.files import explaining, replacing

LAYER = "head"
"""Name of the view layer that all passes belong to."""
_FLOAT_PASSES = ("Depth",)
"""Passes stored as 32-bit floats; the others are HALF."""
CHECKSUM_ATTRIBUTE = "m2dao_talker.crc32"
"""Header attribute: the CRC-32 of the file with zeros in the place of its eight hexadecimal digits."""
_UNKNOWN = "0" * 8
_CHECKSUM_FIELD = CHECKSUM_ATTRIBUTE.encode() + b"\0string\0" + len(_UNKNOWN).to_bytes(4, "little")
"""What stands before those digits (OpenEXR File Layout, "Header": name, type, length of the value)."""
REC709_CHROMATICITIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def channel_names(name: str, channels: int) -> list[str]:
    """Full channel names of a pass: Combined is RGB(A), Depth is Z, one channel is X."""
    if name == "Depth":
        return [f"{LAYER}.Depth.Z"]
    return [f"{LAYER}.{name}.{letter}" for letter in ("RGBA" if channels > 2 else "XY")[:channels]]


def write_layers(
    path: str | os.PathLike, passes: Mapping[str, np.ndarray], attributes: Mapping[str, str] | None = None
) -> None:
    """Write one frame, through a temporary name.

    passes: name to (H, W) or (H, W, C) floats, all of one size: "Combined" (scene-linear premultiplied RGBA), "Depth"
    (kept in 32 bits), mattes. attributes: text that goes into the header. Data and display window are the picture.
    Raises ValueError when sizes differ, InputError when the file cannot be written.
    """
    path = Path(path)
    sizes = {values.shape[:2] for values in passes.values()}
    if len(sizes) != 1:
        raise ValueError(f"passes of different sizes: {sorted(sizes)}")
    channels = {}
    for name, values in passes.items():
        planes = values[..., None] if values.ndim == 2 else values
        kind = np.float32 if name in _FLOAT_PASSES else np.float16
        for index, channel in enumerate(channel_names(name, planes.shape[2])):
            channels[channel] = np.ascontiguousarray(planes[..., index], dtype=kind)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": REC709_CHROMATICITIES,
        **(attributes or {}),
        CHECKSUM_ATTRIBUTE: _UNKNOWN,
    }
    try:
        # Not flushed: frames can be drawn again, and flushing would halve the rate. num_threads=0: in the calling
        # thread, since callers write several frames at a time (the library releases the GIL).
        with explaining(path), replacing(Path(path), durable=False) as temporary:
            OpenEXR.File(header, channels, num_threads=0).write(str(temporary))
            _write_checksum(temporary)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be written ({error}).", "Check the folder and the free space.") from error


def _write_checksum(path: Path) -> None:
    """Put the checksum of a file that was just written into its header. Raises OSError."""
    data = path.read_bytes()
    with open(path, "r+b") as file:
        file.seek(data.index(_CHECKSUM_FIELD) + len(_CHECKSUM_FIELD))
        file.write(f"{zlib.crc32(data):08x}".encode())


def is_whole(path: Path) -> bool:
    """Whether a file is as `write_layers` wrote it. One from before there were checksums is decoded."""
    try:
        data = bytearray(path.read_bytes())
    except OSError:
        return False
    at = data.find(_CHECKSUM_FIELD)
    if at < 0:
        return _can_be_decoded(path)
    digits = slice(at + len(_CHECKSUM_FIELD), at + len(_CHECKSUM_FIELD) + len(_UNKNOWN))
    told = bytes(data[digits])
    data[digits] = _UNKNOWN.encode()
    return told == f"{zlib.crc32(data):08x}".encode()


def _can_be_decoded(path: Path) -> bool:
    try:
        read_layers(path)
    except InputError:
        return False
    return True


def read_attribute(path: str | os.PathLike, name: str) -> str | None:
    """A header attribute's text; None where there is no such attribute, or the file is no EXR."""
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            value = file.header().get(name)
    except (OSError, RuntimeError, ValueError, TypeError):
        return None
    return value if isinstance(value, str) else None


def read_layers(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `write_layers` wrote: pass name to (H, W) or (H, W, C), and the header's attributes.

    Raises InputError when it is missing, damaged, or holds no such passes.
    """
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            header = dict(file.header())
            planes = {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    except (OSError, RuntimeError, ValueError, TypeError) as error:  # what a damaged file gives depends on where it is
        raise InputError(f"{path} cannot be read ({error}).", "Render it again.") from error
    order = "RGBAXYZ"
    grouped: dict[str, list[tuple[int, np.ndarray]]] = {}
    for name, pixels in planes.items():
        layer, _, rest = name.partition(".")
        group, _, letter = rest.partition(".")
        if layer == LAYER and letter in order:
            grouped.setdefault(group, []).append((order.index(letter), pixels))
    if not grouped:
        raise InputError(f"{path} holds no {LAYER} passes.", "Render it again.")
    passes = {}
    for name, group in grouped.items():
        ordered = [plane for _, plane in sorted(group, key=lambda item: item[0])]
        passes[name] = ordered[0] if len(ordered) == 1 else np.stack(ordered, axis=-1)
    return passes, header
