"""From a portrait to finished frames: several frames at a time, each from field to file in one thread.

A frame passes through fields, rasteriser, conversion and compression without waiting for other frames, so all cores
are busy whatever each step costs; `parallel.in_order` returns the results in order. Used by `talker render` and
`talker bench`.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

import numpy as np

from backend.parallel import single_threaded_torch
from backend.portrait.portrait import Drive, Portrait, PortraitFrame
from shared.camera import Intrinsics

_PIXELS_IN_WORK = 1 << 26
"""Largest number of pixels of all frames in work, about 40 bytes each."""


@dataclass(frozen=True)
class Concurrency:
    """How the machine's threads are shared out."""

    frames: int
    """Frames in work at a time."""
    threads: int
    """Threads that rasterise each of them."""


def concurrency_for(threads: int, size: int, count: int) -> Concurrency:
    """For `count` frames of `size` px square on `threads` threads (0: all cores)."""
    threads = threads or os.cpu_count() or 1
    frames = max(1, min(threads, count, _PIXELS_IN_WORK // (size * size)))
    return Concurrency(frames, max(1, threads // frames))


class FrameDrawer:
    """Draws frames of a drive, from several threads at once.

    A context manager: inside it torch uses one thread, because other frames use the other cores. This also gives a
    frame the same bits on any number of cores.
    """

    def __init__(
        self,
        portrait: Portrait,
        drive: Drive,
        size: int,
        engine: str,
        threads: int,
        intrinsics: Intrinsics | None = None,
    ) -> None:
        """size: px, of a square picture under the footage's lens, unless `intrinsics` say otherwise; threads: of the
        rasteriser, for each frame."""
        self._intrinsics = intrinsics
        self._portrait, self._drive, self._size = portrait, drive, size
        self._engine, self._threads = engine, threads
        # One device draws one frame after the other, while threads convert and compress those before.
        self._turn = threading.Lock() if engine == "cuda" else nullcontext()

    def __enter__(self) -> FrameDrawer:
        self._while_drawing = ExitStack()
        self._while_drawing.enter_context(single_threaded_torch())
        return self

    def __exit__(self, *error: object) -> None:
        self._while_drawing.close()

    def draw(self, number: int) -> PortraitFrame[np.ndarray]:
        """Frame `number` of the drive, from 1."""
        with self._turn:
            return self._portrait.render(
                self._drive, number - 1, self._size, intrinsics=self._intrinsics, engine=self._engine,
                threads=self._threads,
            )  # fmt: skip
