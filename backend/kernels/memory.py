"""Arrays whose memory is reused: fetching a frame's pages from the system takes longer than some of its stages."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_LEAST_BYTES = 1 << 18
"""Smaller arrays are left to malloc, which keeps their pages itself."""
_MOST_IDLE_BYTES = 1 << 28
"""Idle memory that is kept, at most, for each size of array."""
_MOST_SIZES = 16
"""Sizes of which memory is kept: another portrait or picture has others."""

_idle: dict[int, list[np.ndarray]] = {}
"""By size in bytes. Only single operations that no other thread can interrupt, and no lock: memory may also come back
from within a garbage collection, whatever its thread holds at that moment."""


class _Loan:
    """Memory in use: numpy and torch keep this object as long as there is any view or slice of its memory."""

    def __init__(self, block: np.ndarray, idle: list[np.ndarray]) -> None:
        self._block, self._idle = block, idle
        self._most_idle = _MOST_IDLE_BYTES // block.nbytes
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        if len(self._idle) < self._most_idle:
            self._idle.append(self._block)


def empty(*shape: int) -> Tensor:
    """An uninitialised float32 tensor on the CPU.

    The memory is reused once the tensor is gone, and everything that shares it: views, slices, numpy arrays.
    """
    size = 4 * math.prod(shape)
    if size < _LEAST_BYTES:
        return torch.empty(shape)
    if size not in _idle and len(_idle) >= _MOST_SIZES:
        _idle.clear()
    idle = _idle.setdefault(size, [])
    try:
        block = idle.pop()
    except IndexError:
        block = torch.empty(size // 4).numpy()  # torch's memory begins with a cache line, numpy's anywhere
    return torch.from_numpy(np.asarray(_Loan(block, idle))).view(shape)
