"""How a stored picture becomes the one that is shown: its turn, its mirroring, square pixels, one size."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type

SQUARE_TOLERANCE = Fraction(1, 200)
"""Pixels whose aspect is this near to 1 are taken as square: resampling would cost more than it mends."""
LONGEST_PIXEL = 8
"""A pixel that is said to be so many times as long as wide, or more, is an error of the file."""


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which a picture can lie."""

    turns: int = 0
    """Quarter turns anticlockwise by which the stored picture is turned to stand upright, 0 to 3."""
    mirrored: bool = False
    """Whether it is mirrored, left to right, before it is turned."""

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Of a decoded frame by its display matrix (ISO 14496-12, 8.3.2; FFmpeg's libavutil/display.h).

        The nearest of the eight where the matrix turns by another angle; upright where it says nothing.
        """
        try:
            kept: Any = frame.side_data  # its stubs lack the kinds that it has
            data = kept.get(Type.DISPLAYMATRIX)
        except ValueError:  # the frame has side data that PyAV does not know (EXIF, say)
            return cls(round(frame.rotation / 90) % 4)
        if data is None:
            return cls()
        a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
        # Columns: where the stored picture's rightward and downward directions point when shown.
        shown = np.array([[a, c], [b, d]], dtype=np.float64)
        mirrored = bool(np.linalg.det(shown) < 0)
        if mirrored:
            shown[:, 0] *= -1
        right, down = shown[0, 0] + shown[1, 1], shown[1, 0] - shown[0, 1]  # of both directions, as one rotation
        if abs(right) >= abs(down):
            return cls(2 if right < 0 else 0, mirrored)
        return cls(1 if down < 0 else 3, mirrored)

    @property
    def is_sideways(self) -> bool:
        """Whether width and height change places."""
        return self.turns % 2 == 1

    def turned(self, turns: int) -> Orientation:
        """This, and then so many quarter turns more, anticlockwise."""
        return replace(self, turns=(self.turns + turns) % 4)

    def applied(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, ...) as stored to what is shown, contiguous."""
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.ascontiguousarray(np.rot90(picture, self.turns))


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Size in square pixels of a picture whose pixels are `pixel_aspect` times as wide as high. Nothing is reduced."""
    if not 1 / Fraction(LONGEST_PIXEL) < pixel_aspect < LONGEST_PIXEL or abs(pixel_aspect - 1) < SQUARE_TOLERANCE:
        return width, height
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (H, W, 3) of another size as (height, width, 3): whole, in its proportions, black beside it."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = min(width, round(picture.shape[1] * scale)), min(height, round(picture.shape[0] * scale))
    scaled = resized(picture, *size)
    if size == (width, height):
        return scaled
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    whole = np.zeros((height, width, 3), picture.dtype)
    whole[top : top + size[1], left : left + size[0]] = scaled
    return whole


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) resampled to (height, width, 3)."""
    is_smaller = width * height < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC)
