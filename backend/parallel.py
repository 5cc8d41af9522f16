"""Work on many frames in a few threads: results in order, only a few of them ahead, so memory stays flat."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")
Tool = TypeVar("Tool")

WORKERS = min(4, max(2, os.cpu_count() or 2))
"""Threads. Nothing that is computed depends on their number."""
WAITING = 4
"""Items beyond those in work that may wait for their turn; bounds memory."""
_POLL_S = 0.1
"""How often a cancel is looked for while nothing is finished, seconds."""


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = WORKERS,
    check: Callable[[], None] = lambda: None,
) -> Generator[Result, None, None]:
    """Yield `work(item)` of every item in the order of the items, with `workers` threads at work and a few results
    waiting; `items` is read in the calling thread.

    Whatever `work` raises, for any item, is raised here at once; `check` is called while nothing is finished, and may
    raise too. Then, and when the generator is closed, what has not begun is dropped and what has is waited for.
    """
    source = iter(items)
    pending: deque[Future[Result]] = deque()
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    stopped = threading.Event()

    def unless_stopped(item: Item) -> Result:
        if stopped.is_set():
            raise CancelledError
        return work(item)

    with ThreadPoolExecutor(workers, thread_name_prefix="in order") as pool:
        try:
            exhausted = False
            while True:
                while not exhausted and len(pending) < workers + WAITING:
                    try:
                        item = next(source)
                    except StopIteration:
                        exhausted = True
                        break
                    future = pool.submit(unless_stopped, item)
                    pending.append(future)
                    future.add_done_callback(finished.put)
                if not pending:
                    return
                try:
                    finished.get(timeout=_POLL_S).result()
                except Empty:
                    check()
                while pending and pending[0].done():
                    yield pending.popleft().result()
        finally:
            stopped.set()


def in_order_with_tools(
    work: Callable[[Tool, Item], Result],
    items: Iterable[Item],
    make_tool: Callable[[], AbstractContextManager[Tool]],
    workers: int = WORKERS,
) -> Iterator[Result]:
    """`in_order`, for work that needs a tool which only one thread may use at a time, such as a MediaPipe task.

    One tool for every worker is made before the first item and closed after the last.
    """
    with ExitStack() as stack:
        free: SimpleQueue[Tool] = SimpleQueue()
        for _ in range(workers):
            free.put(stack.enter_context(make_tool()))

        def with_tool(item: Item) -> Result:
            tool = free.get()
            try:
                return work(tool, item)
            finally:
                free.put(tool)

        yield from in_order(with_tool, items, workers)


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """OpenCV with one thread, since ours work in parallel already: mattes then take half the processor time."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """torch with one thread: results have the same bits on any number of cores, and small operations do not compete
    with threads of numpy's BLAS that still spin after an earlier product."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
