"""Work on many frames in a few threads: results in order, only a few of them ahead, so memory stays flat."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from queue import SimpleQueue
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")
Tool = TypeVar("Tool")

WORKERS = min(4, max(2, os.cpu_count() or 2))
"""Threads. Nothing that is computed depends on their number."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int = WORKERS) -> Iterator[Result]:
    """Yield `work(item)` of every item in the order of the items; `items` is read in the calling thread.

    An error in `work` or in `items` is raised here; work that has not begun is dropped then, and also when the
    generator is closed.
    """
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


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
    """OpenCV without threads of its own, which get in the way of ours: mattes take half the processor time then."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """torch without threads of its own: what is computed then has the same bits whatever the number of cores, and small
    operations do not wait for threads that numpy's BLAS still keeps spinning after a product of its own."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
