"""Where a clip is cut, and what of it shows anything: by small pictures of all its frames."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation

WIDTH, HEIGHT = 32, 18
"""Size of the small pictures, px."""
CUT = 12.0
"""Least mean difference between two frames for a cut, grey levels. A face that speaks and nods changes a picture by up
to 4 from one frame to the next."""
SUDDEN = 4.0
"""A cut differs by so many times the differences between the frames around it: a pan is no cut."""
AROUND = 6
"""Frames on both sides that are looked at; what is over within so many is a flash and no cut."""
BLANK = 4.0
"""A picture whose values deviate by less than this, grey levels, shows nothing."""
FADED = 0.5
"""At the ends of a shot, frames with less than this share of its usual contrast are a fade."""


@dataclass(frozen=True)
class Shot:
    """Consecutive pictures without a cut: numbers from 0, `end` not included."""

    first: int
    end: int


class Thumbnails:
    """Small pictures of the frames that it is shown, one after another."""

    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []
        self._contrast: list[float] = []
        self._change: list[float] = []

    @property
    def count(self) -> int:
        """How many frames were added."""
        return len(self._pictures)

    def add(self, frame: av.VideoFrame) -> None:
        """Keep a frame, as it is stored."""
        small = frame.reformat(width=WIDTH, height=HEIGHT, format="rgb24", interpolation=Interpolation.AREA)
        self.add_small(small.to_ndarray())

    def add_small(self, picture: np.ndarray) -> None:
        """Keep a small picture, (HEIGHT, WIDTH, 3) uint8."""
        self._change.append(_difference(picture, self._pictures[-1]) if self._pictures else 0.0)
        self._contrast.append(float(picture.std(axis=(0, 1)).max()))
        self._pictures.append(picture)

    def shots(self) -> list[Shot]:
        """What lies between cuts and blank pictures, without fades, in order; nothing of a clip that is all blank."""
        shots, first = [], None
        for number in range(self.count + 1):
            is_blank = number < self.count and self._contrast[number] < BLANK
            if first is not None and (number == self.count or is_blank or self._is_cut(number)):
                shots.append(self._without_fades(Shot(first, number)))
                first = None
            if first is None and not is_blank:
                first = number
        return shots

    def _is_cut(self, number: int) -> bool:
        """Whether picture `number` begins another shot."""
        change = self._change
        if change[number] <= CUT:
            return False
        before, after = slice(max(1, number - AROUND), number), slice(number + 1, number + 1 + AROUND)
        near = change[before] + change[after]
        if near and change[number] < SUDDEN * np.median(near):
            return False
        stays = (
            self._nearest(number - 1, number, number + AROUND),
            self._nearest(number, max(0, number - AROUND), number),
        )
        return min(stays) > 0.5 * change[number]

    def _nearest(self, number: int, first: int, end: int) -> float:
        """Least difference between picture `number` and those from `first` to `end`."""
        return min(_difference(self._pictures[number], other) for other in self._pictures[first:end])

    def _without_fades(self, shot: Shot) -> Shot:
        own = np.array(self._contrast[shot.first : shot.end])
        clear = np.flatnonzero(own >= FADED * np.median(own))
        return Shot(shot.first + int(clear[0]), shot.first + int(clear[-1]) + 1)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference, grey levels."""
    return float(np.abs(one.astype(np.int16) - other).mean())
