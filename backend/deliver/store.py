"""The frame files of a render folder, each with the key of what it was drawn from in its own header."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from backend.deliver import frames
from backend.media import exr, png
from backend.portrait.portrait import PortraitFrame
from shared import layout
from shared.files import explaining, write_bytes

Behind = np.ndarray | Callable[[int], np.ndarray]
"""(H, W, 3) uint8, what the preview shows behind the frames: one picture, or that of a frame by its number."""

KEY_ATTRIBUTE = "m2dao_talker.key"
"""Header attribute of a frame that holds its key (deliver.keys)."""


class FrameStore(Protocol):
    """Where a render's frames go. Frames are numbered from 1; several threads may write and read at once."""

    def path(self, number: int) -> Path:
        """The file that a frame is written to."""

    def key_of(self, path: Path) -> str | None:
        """The key that a stored frame was written with; None where there is no frame, or none of ours."""

    def is_whole(self, path: Path) -> bool:
        """Whether a stored frame is as it was written, to the last byte."""

    def write(self, number: int, frame: PortraitFrame[np.ndarray], key: str) -> np.ndarray:
        """Store a drawn frame; returns its preview picture (H, W, 3) uint8. Raises InputError when it cannot be."""

    def read(self, number: int) -> np.ndarray:
        """The preview picture of a stored frame, the same to the bit. Raises InputError when it is damaged."""


def frame_store(
    folder: Path,
    layers: str,
    colour_name: str,
    attributes: Mapping[str, str],
    plate: Behind,
    fps: Fraction,
    earlier: Path | None = None,
    signed: Callable[[bytes], bytes] = bytes,
    start: int = 0,
    dubs: bool = False,
) -> FrameStore:
    """The store for `layers` (exr, png, or mp4: no frame files) in a folder.

    colour_name: transfer curve of drawn frames; attributes: header text; plate: what is behind the frames; fps: of the
    line; earlier: the folder in which frames are that are not in this one; signed: makes of a PNG's bytes those that
    are stored; start: frames from midnight to the line's first, by its time code; dubs: whether frames go over footage
    (deliver.dubbing), so that their alpha is a matte of its own.
    """
    if layers == "exr":
        return ExrStore(folder, colour_name, attributes, plate, fps, earlier, start, dubs)
    return PngStore(folder, attributes, plate, earlier, signed) if layers == "png" else MovieOnly(folder, plate)


def _behind(plate: Behind, number: int) -> np.ndarray:
    return plate(number) if callable(plate) else plate


def _found(path: Path, earlier: Path | None) -> Path:
    """Where a frame is that is written to `path`: there, or in the folder of an earlier render."""
    return path if earlier is None or path.exists() else earlier / path.name


class ExrStore:
    """Multilayer EXR files."""

    def __init__(
        self,
        folder: Path,
        colour_name: str,
        attributes: Mapping[str, str],
        plate: Behind,
        fps: Fraction,
        earlier: Path | None = None,
        start: int = 0,
        dubs: bool = False,
    ) -> None:
        self._earlier, self._fps, self._start, self._dubs = earlier, fps, start, dubs
        self._folder, self._colour_name, self._attributes, self._plate = folder, colour_name, attributes, plate
        self._own = threading.local()

    def path(self, number: int) -> Path:
        return self._folder / layout.EXR_NAME.format(frame=number)

    def key_of(self, path: Path) -> str | None:
        return exr.read_attribute(path, KEY_ATTRIBUTE) if path.is_file() else None

    def is_whole(self, path: Path) -> bool:
        return exr.is_whole(path)

    def write(self, number: int, frame: PortraitFrame[np.ndarray], key: str) -> np.ndarray:
        passes, self._own.buffers = frames.stored_passes(frame, self._colour_name, getattr(self._own, "buffers", None))
        if self._dubs:
            passes = {**passes, layout.DUB_LAYER: passes["Combined"][..., 3]}
        texts = {**self._attributes, KEY_ATTRIBUTE: key}
        exr.write_layers(self.path(number), passes, texts, exr.FrameTime(number, self._fps, self._start))
        return frames.combined_over_plate(passes["Combined"], self._colour_name, _behind(self._plate, number))

    def read(self, number: int) -> np.ndarray:
        return frames.combined_over_plate(
            self.passes(number)["Combined"], self._colour_name, _behind(self._plate, number)
        )

    def passes(self, number: int) -> dict[str, np.ndarray]:
        """The passes of a stored frame (deliver.frames). Raises InputError when it is damaged."""
        return exr.read_layers(_found(self.path(number), self._earlier))[0]


class PngStore:
    """RGBA PNG files with straight alpha."""

    def __init__(
        self,
        folder: Path,
        attributes: Mapping[str, str],
        plate: Behind,
        earlier: Path | None = None,
        signed: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._earlier, self._signed = earlier, signed
        self._folder, self._attributes, self._plate = folder, attributes, plate

    def path(self, number: int) -> Path:
        return self._folder / layout.PNG_NAME.format(frame=number)

    def key_of(self, path: Path) -> str | None:
        return png.read_text(path).get(KEY_ATTRIBUTE) if path.is_file() else None

    def is_whole(self, path: Path) -> bool:
        return png.is_whole(path)

    def write(self, number: int, frame: PortraitFrame[np.ndarray], key: str) -> np.ndarray:
        rgba = frames.straight_rgba(frame)
        path, text = self.path(number), {**self._attributes, KEY_ATTRIBUTE: key}
        with explaining(path):
            write_bytes(path, self._signed(png.png_bytes(rgba, text)), durable=False)
        return frames.straight_over_plate(rgba, _behind(self._plate, number))

    def read(self, number: int) -> np.ndarray:
        stored = png.read_png(_found(self.path(number), self._earlier), 4, "Delete it and render again.")
        return frames.straight_over_plate(stored, _behind(self._plate, number))


class MovieOnly:
    """No frame files: only the preview shows what was drawn."""

    def __init__(self, folder: Path, plate: Behind) -> None:
        self._folder, self._plate = folder, plate

    def path(self, number: int) -> Path:
        return self._folder / layout.PREVIEW_FILE

    def key_of(self, path: Path) -> None:
        return None

    def is_whole(self, path: Path) -> bool:
        return False

    def write(self, number: int, frame: PortraitFrame[np.ndarray], key: str) -> np.ndarray:
        return frames.over_plate(frame, _behind(self._plate, number))

    def read(self, number: int) -> np.ndarray:
        raise LookupError(f"frame {number} is not stored")
