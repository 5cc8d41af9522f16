"""The pictures of a subject at one size, read from the disk one at a time: memory does not grow with the clip.

Frames of footage with more than 8 bits are stored in 16. Who learns from them or scores them gets 8: rounding adds
noise of 0.3 grey levels, ten times less than a camera's.

Nothing is memory-mapped. Mapped pages count as the process's memory, and a training run that draws frames at random
would map the whole clip: 28 GB for ten minutes at 512 px.
"""

from __future__ import annotations

import math
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, overload

import cv2
import numpy as np

from backend.media.colour import to_bytes
from backend.media.png import read_png
from shared.errors import InputError
from shared.files import replacing, require_file
from shared.layout import frame_name


class Pictures(Protocol):
    """T pictures of one size, counted from 0."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray:
        """(size, size, channels) uint8. Raises IndexError beyond the last, InputError when it cannot be read."""
        ...

    def part(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """(h, w, channels) uint8: those rows and columns of a picture, both with start and stop. Raises as above."""
        ...


class PictureFolder(Sequence[np.ndarray]):
    """Pictures 000001.png, 000002.png, … of a folder, read when asked for."""

    def __init__(self, folder: Path, count: int, channels: int, size: int | None = None, *, deep: bool = False) -> None:
        """channels: 3 (RGB) or 4; size: to resample to, px; None: as they are stored; deep: as `read_picture`."""
        self._folder, self._count, self._channels, self._size, self._deep = folder, count, channels, size, deep

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        path = self._folder / frame_name(int(index) + 1)
        return read_picture(path, self._size, self._channels, deep=self._deep)

    def part(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """As `Pictures.part`; the whole picture has to be decoded."""
        return self[index][rows, columns]


class PictureFile:
    """Pictures one after the other in an .npy file, (T, size, size, channels) uint8."""

    def __init__(self, path: Path, shape: tuple[int, int, int, int]) -> None:
        """Raises InputError when the file is no such array, or not of that shape."""
        self._path = path
        require_file(path, "Delete it: it is made again.")
        try:
            with open(path, "rb") as file:
                np.lib.format.read_magic(file)
                self._shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
                self._start = file.tell()
        except (OSError, ValueError, SyntaxError, tokenize.TokenError) as error:
            raise InputError(f"{path} cannot be read ({error}).", "Delete it: it is made again.") from error
        if self._shape != shape or fortran_order or dtype != np.uint8:
            raise InputError(f"{path} does not hold the pictures that it should.", "Delete it: it is made again.")
        if path.stat().st_size != self._start + math.prod(shape):
            raise InputError(f"{path} is cut short.", "Delete it: it is made again.")

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        side = self._shape[1]
        return self.part(index, slice(0, side), slice(0, side))

    def part(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """As `Pictures.part`; only these rows are read."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        _, height, width, channels = self._shape
        row, first = width * channels, int(index) * height + rows.start
        count = (rows.stop - rows.start) * row
        values = np.fromfile(self._path, np.uint8, count, offset=self._start + first * row)
        if values.size != count:
            raise InputError(f"{self._path} is cut short.", "Delete it: it is made again.")
        return values.reshape(-1, width, channels)[:, columns]


def write_picture_file(path: Path, pictures: Iterable[np.ndarray], shape: tuple[int, int, int, int]) -> None:
    """Write pictures (size, size, channels) uint8 as `PictureFile` reads them, `shape` in all; through another name."""
    with replacing(path, durable=False) as temporary, open(temporary, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for picture in pictures:
            file.write(np.ascontiguousarray(picture).tobytes())


def read_picture(path: Path, size: int | None, channels: int, *, deep: bool = False) -> np.ndarray:
    """(size, size, channels) uint8 of a stored picture or region map, area-resampled; size None: as it is stored.

    deep: uint16 (65535 is one) where it is stored in 16 bits. Raises InputError when it is missing or damaged.
    """
    picture = read_png(path, channels, "Preprocess the footage again.", deep=True)
    if size is not None and picture.shape[0] != size:
        method = cv2.INTER_AREA if size < picture.shape[0] else cv2.INTER_CUBIC
        picture = cv2.resize(picture, (size, size), interpolation=method)
    return picture if deep else to_bytes(picture)
