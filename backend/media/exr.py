"""OpenEXR frames in two parts: the picture where every program looks for it, and beside it the passes, with the layer
names for which Blender shows sockets.

Part 0 has the channels R, G, B, A and the name `head.Combined`, part 1 the other passes and the name `head`. Blender
puts a part's name before its channels, and so has the layer `head` with all its passes; programs that know one part, or
none by name, have the picture.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR

from backend.media.exr_chunks import has_all_chunks
from shared.errors import InputError
from shared.files import explaining, replacing, require_file
from shared.timing import counted_fps, timecode_text

LAYER = "head"
"""Name of the view layer that all passes belong to."""
PICTURE = "Combined"
"""The pass that is the picture."""
_FLOAT_PASSES = ("Depth",)
"""Passes stored as 32-bit floats; the others are HALF."""
CHECKSUM_ATTRIBUTE = "m2dao_talker.crc32"
"""Header attribute: the CRC-32 of the file with zeros in the place of its eight hexadecimal digits."""
_UNKNOWN = "0" * 8
_CHECKSUM_FIELD = CHECKSUM_ATTRIBUTE.encode() + b"\0string\0" + len(_UNKNOWN).to_bytes(4, "little")
"""What stands before those digits (OpenEXR File Layout, "Header": name, type, length of the value)."""
REC709_CHROMATICITIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
COLOUR_SPACE = "lin_rec709_scene"
"""The picture's colour space by the name that the ASWF's Color Interop Forum gives it."""
_NO_COLOUR = "data"
"""What the forum calls the part of a file whose channels are no colours."""
MOST_COUNTED = 60
"""A time code in an EXR counts no more frames a second."""


@dataclass(frozen=True)
class FrameTime:
    """Which frame of a line it is, from 1, at how many a second."""

    number: int
    fps: Fraction
    start: int = 0
    """Frames from midnight to the line's first, by its time code."""

    def attributes(self) -> dict[str, object]:
        """Header attributes: the exact rate, and the frame's time code, without dropped frames, where there is one for
        the rate."""
        told: dict[str, object] = {"framesPerSecond": self.fps}
        if counted_fps(self.fps) <= MOST_COUNTED:
            clock = (int(part) for part in timecode_text(self.start + self.number - 1, self.fps).split(":"))
            told["timeCode"] = OpenEXR.TimeCode(*clock, *[0] * 14)
        return told


def channel_names(name: str, channels: int) -> list[str]:
    """Channel names of a pass in its part: the picture is RGB(A), Depth is Z, one channel is X."""
    if name == PICTURE:
        return list("RGBA"[:channels])
    if name == "Depth":
        return ["Depth.Z"]
    return [f"{name}.{letter}" for letter in ("RGBA" if channels > 2 else "XY")[:channels]]


def write_layers(
    path: str | os.PathLike,
    passes: Mapping[str, np.ndarray],
    attributes: Mapping[str, str] | None = None,
    time: FrameTime | None = None,
) -> None:
    """Write one frame, through a temporary name.

    passes: name to (H, W) or (H, W, C) floats, all of one size: "Combined" (scene-linear premultiplied RGBA), "Depth"
    (kept in 32 bits), mattes. attributes: text that goes into the header of the first part; time: of the frame, where
    it has one. Data and display window are the picture. Raises ValueError when sizes differ, InputError when the file
    cannot be written.
    """
    path = Path(path)
    sizes = {values.shape[:2] for values in passes.values()}
    if len(sizes) != 1:
        raise ValueError(f"passes of different sizes: {sorted(sizes)}")
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, values in passes.items():
        planes = values[..., None] if values.ndim == 2 else values
        kind = np.float32 if name in _FLOAT_PASSES else np.float16
        channels = parts.setdefault(f"{LAYER}.{PICTURE}" if name == PICTURE else LAYER, {})
        for index, channel in enumerate(channel_names(name, planes.shape[2])):
            channels[channel] = np.ascontiguousarray(planes[..., index], dtype=kind)
    shared = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        **(time.attributes() if time else {}),
    }
    first = {**(attributes or {}), CHECKSUM_ATTRIBUTE: _UNKNOWN}
    stored = [
        OpenEXR.Part({**shared, **_colour_of(name), **({} if index else first), "name": name}, parts[name])
        for index, name in enumerate(sorted(parts, reverse=True))
    ]
    try:
        # Not flushed: frames can be drawn again, and flushing would halve the rate. num_threads=0: in the calling
        # thread, since callers write several frames at a time (the library releases the GIL).
        with explaining(path), replacing(Path(path), durable=False) as temporary:
            OpenEXR.File(stored, num_threads=0).write(str(temporary))
            _write_checksum(temporary)
            # The library says nothing where the disk refuses the last that it writes: the end of the picture, and the
            # tables that lead to its parts.
            if not has_all_chunks(temporary.read_bytes(), len(stored), next(iter(sizes))[0]):
                raise RuntimeError("the disk did not take all of it")
    except RuntimeError as error:
        raise InputError(f"{path} cannot be written ({error}).", "Check the folder and the free space.") from error


def _colour_of(part: str) -> dict[str, object]:
    """Header attributes that tell a part's colour space, as the Color Interop Forum's recommendation for OpenEXR asks:
    one for all colours of a part, and parts of their own for what is no colour."""
    if part == LAYER:
        return {"colorInteropID": _NO_COLOUR}
    return {"colorInteropID": COLOUR_SPACE, "chromaticities": REC709_CHROMATICITIES}


def _write_checksum(path: Path) -> None:
    """Put the checksum of a file that was just written into its header. Raises OSError, and RuntimeError where the
    library has written no header, of which it does not tell for a small picture on a full disk."""
    data = path.read_bytes()
    at = data.find(_CHECKSUM_FIELD)
    if at < 0:
        raise RuntimeError("nothing was written")
    with open(path, "r+b") as file:
        file.seek(at + len(_CHECKSUM_FIELD))
        file.write(f"{zlib.crc32(data):08x}".encode())


def is_whole(path: Path) -> bool:
    """Whether a file is as `write_layers` wrote it; one without a checksum is not."""
    try:
        return path.is_file() and _has_its_checksum(path.read_bytes()) is True
    except OSError:
        return False


def _has_its_checksum(file: bytes) -> bool | None:
    """Whether a file has the checksum that its header tells; None where it tells none."""
    data = bytearray(file)
    at = data.find(_CHECKSUM_FIELD)
    if at < 0:
        return None
    digits = slice(at + len(_CHECKSUM_FIELD), at + len(_CHECKSUM_FIELD) + len(_UNKNOWN))
    told = bytes(data[digits])
    data[digits] = _UNKNOWN.encode()
    return told == f"{zlib.crc32(data):08x}".encode()


def read_attribute(path: str | os.PathLike, name: str) -> str | None:
    """A header attribute's text; None where there is no such attribute, or the file is no EXR."""
    return read_attributes(path).get(name)


def tells_other_frame(path: str | os.PathLike, time: FrameTime) -> bool:
    """Whether a file says that it is another frame of a line; not where it is no EXR, or tells nothing."""
    told, expected = _header(path).get("timeCode"), time.attributes().get("timeCode")
    return told is not None and expected is not None and told != expected


def read_attributes(path: str | os.PathLike) -> dict[str, str]:
    """All header attributes that are text; none where the file is no EXR."""
    return {name: value for name, value in _header(path).items() if isinstance(value, str)}


def _header(path: str | os.PathLike) -> dict[str, object]:
    """The header of a file's first part; empty where it is no EXR."""
    if not os.path.isfile(path):  # reading a pipe waits for ever
        return {}
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            return dict(file.header())
    except (OSError, RuntimeError, ValueError, TypeError):
        return {}


def read_layers(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `write_layers` wrote, now or when all passes were in one part: pass name to (H, W) or (H, W, C), and
    the attributes of the first part's header.

    Raises InputError when it is missing, damaged, or holds no such passes.
    """
    require_file(path, "Render it again.")
    planes = {}
    try:
        # First, since the library prints a warning of its own for damage in a later part, and goes on without it.
        if _has_its_checksum(Path(path).read_bytes()) is False:
            raise ValueError("it is not as it was written")
        with OpenEXR.File(str(path), separate_channels=True) as file:
            header = dict(file.header())
            for part in file.parts:
                prefix = part.name()
                if not part.channels:
                    raise ValueError(f"the part {prefix} is damaged")
                for name, channel in part.channels.items():
                    full = f"{prefix}.{name}" if prefix else name
                    planes[full] = np.array(channel.pixels)
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
