"""How many threads the compiled kernels take.

Not in `library`, which is imported where there is no torch, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch

from . import library

_threads: ContextVar[int | None] = ContextVar("kernel_threads", default=None)
"""Each Python thread's own: a render draws several frames at once."""


def count() -> int:
    """Threads that the kernels use unless a call says otherwise: torch's, or those of `torch_aside`."""
    return _threads.get() or torch.get_num_threads()


@contextlib.contextmanager
def torch_aside(wanted: int) -> Iterator[None]:
    """Give the kernels `wanted` threads (0: torch's) and torch's own operations one, where there is a library.

    What the kernels leave to torch is so small that waking its threads costs more than they save, most of all where
    other programs want the cores.
    """
    if library.load() is None:
        yield
        return
    before_torch = torch.get_num_threads()
    token = _threads.set(wanted or before_torch)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before_torch)
        _threads.reset(token)
