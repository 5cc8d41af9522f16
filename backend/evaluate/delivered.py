"""Drawn frames as they are delivered: by the drawer and the writer of `talker render`, and read back from the file.

What is scored passes through half floats, linear light and the visible-alpha limit, as what the artist gets does. There
is no other way from a portrait to a picture here, and the head is parted from its torso by the mattes of the file.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from backend.deliver.frames import combined_over_plate, without_torso
from backend.deliver.pipeline import FrameDrawer
from backend.deliver.store import ExrStore
from backend.portrait.portrait import Drive, Portrait
from backend.subject.subject import Subject
from shared.scratch import SCORES, scratch_folder

_NUMBER = 1
"""Every frame is written under one number: only one file is kept at a time."""


@dataclass(frozen=True)
class DeliveredFrame:
    """What a frame's file holds, S x S px."""

    passes: dict[str, np.ndarray]
    """By name (deliver.frames)."""
    colour_name: str
    """Transfer curve by which it is shown."""

    def over(self, background: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8: all of it over a picture (S, S, 3) uint8."""
        return combined_over_plate(self.passes["Combined"], self.colour_name, background)

    def in_footage(self, recorded: np.ndarray, headed: np.ndarray, behind: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8: the head in a recorded frame (S, S, 3) uint8.

        Where that shows any of the head, `headed` (S, S) in [0, 1], all that is delivered is shown over `behind`,
        (S, S, 3) uint8; elsewhere the recorded frame, under what the drawn head spills over it.
        """
        inside, outside = (picture.astype(np.float32) for picture in (self.over(behind), self.head_over(recorded)))
        return np.rint(outside + headed[..., None] * (inside - outside)).astype(np.uint8)

    def head_over(self, background: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8: the head alone, by the file's mattes, over a picture (S, S, 3) uint8."""
        return combined_over_plate(without_torso(self.passes), self.colour_name, background)


class Delivery:
    """Delivers frames of a portrait at one size into a temporary folder. A context manager."""

    def __init__(self, subject: Subject, portrait: Portrait, size: int, engine: str, threads: int) -> None:
        """size: px; engine, threads: of the rasteriser."""
        self._portrait, self._size, self._engine, self._threads = portrait, size, engine, threads
        self._colour, self._plate, self._fps = subject.info.input_colour, subject.background(size), subject.fps

    def __enter__(self) -> Delivery:
        self._open = ExitStack()
        folder = self._open.enter_context(scratch_folder(SCORES))
        self._store = ExrStore(folder, self._colour, {}, self._plate, self._fps)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def frame(self, drive: Drive, index: int) -> DeliveredFrame:
        """Frame `index` (from 0) of a drive, as its file has it."""
        with FrameDrawer(self._portrait, drive, self._size, self._engine, self._threads) as drawer:
            self._store.write(_NUMBER, drawer.draw(index + 1), key="")
        return DeliveredFrame(self._store.passes(_NUMBER), self._colour)
