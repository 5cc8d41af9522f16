"""Work of a GPU that is sent to it as a whole: captured once as a CUDA graph, replayed as often as is wanted.

To send a training step's operations one by one takes ten times as long as the GPU needs to do them.
"""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from .cuda_lists import Watch, watched

VARIABLE = "TALKER_CUDA_GRAPHS"
"""Environment variable: 0 has all work sent to a GPU operation by operation."""
_TOLERANCE = 1e-2
"""A graph's results differ from those of the same operations one by one by the order of additions alone."""
_NEGLIGIBLE = 1e-6
"""Smaller than this share of the largest result, a difference does not count."""


def is_wanted() -> bool:
    """Whether work is captured at all."""
    return os.environ.get(VARIABLE) != "0"


def agree(results: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Whether a graph's results are those of the same operations one by one. Waits for the GPU.

    A graph that reads what has moved, or lacks an operation that was not sent to its stream, is not wrong by a little.
    """
    if not expected:
        return not results
    sizes = torch.stack([value.double().norm() for value in expected])
    pairs = zip(results, expected, strict=True)
    distances = torch.stack([(result.double() - value.double()).norm() for result, value in pairs])
    return bool((distances <= _TOLERANCE * sizes + _NEGLIGIBLE * sizes.max()).all())


class Captured:
    """A function without arguments whose work on a device is the same every time: it reads and writes tensors that stay
    where they are. On a device that is no GPU it is called every time, so that tests need none."""

    def __init__(self, body: Callable[[], None], watch: Watch, pool: GraphPool) -> None:
        """body: has run on this device before, so that whatever it makes once is there. It is not run here: `replay`
        does that. watch: is told of the lists that the rasteriser makes in it. Raises RuntimeError for a body that
        reads values back, or does something else that cannot be captured."""
        self._body, self._watch = body, watch
        self._graph: torch.cuda.CUDAGraph | None = None
        if pool.device.type == "cuda":
            with pool.capturing() as self._graph, watched(watch):
                body()

    def replay(self) -> None:
        """Do it once more; on a GPU it is queued."""
        if self._graph is not None:
            self._graph.replay()
            return
        with watched(self._watch):
            self._body()


class GraphPool:
    """Memory that graphs share which are never replayed at the same time: what one leaves, the next may overwrite."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._handle: Any = None
        self._graphs: weakref.WeakSet[torch.cuda.CUDAGraph] = weakref.WeakSet()
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    @contextmanager
    def capturing(self) -> Iterator[torch.cuda.CUDAGraph]:
        """A graph of what is sent to the GPU within."""
        if not self._graphs:
            # Memory of which every graph is gone is given back, and cannot be asked for again by its old handle.
            self._handle = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.device)
        # An object that frees something of the GPU's when it is collected would spoil the capture.
        collects = gc.isenabled()
        gc.disable()
        try:
            with torch.cuda.stream(self._stream):
                torch.cuda.current_blas_handle()  # each thread has its own, and cannot make it while it captures
                graph.capture_begin(pool=self._handle, capture_error_mode="thread_local")
                try:
                    yield graph
                except BaseException:
                    with suppress(RuntimeError):  # it would tell of what came of the first one
                        graph.capture_end()
                    raise
                graph.capture_end()
                self._graphs.add(graph)
        finally:
            if collects:
                gc.enable()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is sent within runs on the stream that captures use, in order with what came before and comes after: so
        it makes for them whatever belongs to a stream."""
        if self._stream is None:
            yield
            return
        before = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(before)
        with torch.cuda.stream(self._stream):
            yield
        before.wait_stream(self._stream)
