"""Work of a GPU that is sent to it as a whole: captured once as a CUDA graph, replayed as often as is wanted.

To send a training step's operations one by one takes ten times as long as the GPU needs to do them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

from .cuda_lists import Watch, watched


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
        self._handle = torch.cuda.graph_pool_handle() if device.type == "cuda" else None
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    @contextmanager
    def capturing(self) -> Iterator[torch.cuda.CUDAGraph]:
        """A graph of what is sent to the GPU within."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.device)
        # An object that frees something of the GPU's when it is collected would spoil the capture.
        collects = gc.isenabled()
        gc.disable()
        try:
            with torch.cuda.stream(self._stream):
                graph.capture_begin(pool=self._handle, capture_error_mode="thread_local")
                try:
                    yield graph
                except BaseException:
                    with suppress(RuntimeError):  # it would tell of what came of the first one
                        graph.capture_end()
                    raise
                graph.capture_end()
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
