"""The one way from a portrait to finished frames: several frames at a time, each from field to file in one thread.

A frame passes through fields, rasteriser, conversion and compression without waiting for its neighbours, so all cores
are busy whatever each step costs; `in_order` hands the results on in their order. `talker render` and `talker bench`
both go this way.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

import numpy as np

from backend.parallel import single_threaded_torch
from backend.portrait.portrait import Drive, Portrait, PortraitFrame

_WAITING = 4
"""Frames beyond those in work that may wait for their turn; bounds memory."""
_PIXELS_IN_WORK = 1 << 26
"""Pixels of all frames in work: at 40 bytes each, what memory they may take."""
_POLL_S = 0.1
"""How often a cancel is looked for while no frame is finished, seconds."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workforce:
    """How the machine's threads are shared out."""

    frames: int
    """Frames in work at a time."""
    threads: int
    """Threads that rasterise each of them."""


def workforce(threads: int, size: int, count: int) -> Workforce:
    """For `count` frames of `size` px square on `threads` threads (0: all cores)."""
    threads = threads or os.cpu_count() or 1
    frames = max(1, min(threads, count, _PIXELS_IN_WORK // (size * size)))
    return Workforce(frames, max(1, threads // frames))


class Painter:
    """Draws frames of a drive, from several threads at once.

    A context manager: meanwhile torch itself uses one thread, since the frames beside each other use the others. So a
    frame has the same bits whatever the machine's number of cores.
    """

    def __init__(self, portrait: Portrait, drive: Drive, size: int, engine: str, threads: int) -> None:
        """size: px; threads: of the rasteriser, for each frame."""
        self._portrait, self._drive, self._size = portrait, drive, size
        self._engine, self._threads = engine, threads
        # One device draws one frame after the other, while threads convert and compress those before.
        self._turn = threading.Lock() if engine == "cuda" else nullcontext()

    def __enter__(self) -> Painter:
        self._while_drawing = ExitStack()
        self._while_drawing.enter_context(single_threaded_torch())
        return self

    def __exit__(self, *error: object) -> None:
        self._while_drawing.close()

    def draw(self, number: int) -> PortraitFrame[np.ndarray]:
        """Frame `number` of the drive, from 1."""
        with self._turn:
            return self._portrait.render(
                self._drive, number - 1, self._size, engine=self._engine, threads=self._threads
            )


def in_order(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    workers: int,
    check: Callable[[], None] = lambda: None,
) -> Generator[tuple[Item, Result], None, None]:
    """(item, work(item)) in the order of `items`, with `workers` threads at work and a few results waiting.

    Whatever `work` raises, for any item, is raised here at once; `check` is called while nothing is finished, and may
    raise too. Then, and when the iterator is closed, what has not begun is dropped and what has is waited for.
    """
    source = iter(items)
    pending: deque[tuple[Item, Future]] = deque()
    finished: SimpleQueue[Future] = SimpleQueue()
    stopped = threading.Event()

    def unless_stopped(item: Item) -> Result:
        if stopped.is_set():
            raise CancelledError
        return work(item)

    with ThreadPoolExecutor(workers, thread_name_prefix="frame") as pool:
        try:
            exhausted = False
            while True:
                while not exhausted and len(pending) < workers + _WAITING:
                    try:
                        item = next(source)
                    except StopIteration:
                        exhausted = True
                        break
                    future = pool.submit(unless_stopped, item)
                    pending.append((item, future))
                    future.add_done_callback(finished.put)
                if not pending:
                    return
                try:
                    finished.get(timeout=_POLL_S).result()
                except Empty:
                    check()
                while pending and pending[0][1].done():
                    item, future = pending.popleft()
                    yield item, future.result()
        finally:
            stopped.set()
