"""Launching of Warp kernels on torch tensors. Importing this module imports Warp."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from .cuda_view import wp  # set up


class Launcher:
    """Launches Warp kernels on torch tensors of one device, in order with torch's own work: on its present stream."""

    def __init__(self, device: torch.device) -> None:
        self._device = wp.device_from_torch(device)
        self._stream = _warp_stream(torch.cuda.current_stream(device)) if device.type == "cuda" else None

    def __call__(self, kernel: Any, threads: int, *arguments: tuple, block: int = 256) -> None:
        """`arguments`, in several tuples, in the kernel's order."""
        given = self._given(kernel, [argument for part in arguments for argument in part])
        wp.launch(kernel, dim=threads, inputs=given, device=self._device, stream=self._stream, block_dim=block)

    def adjoint(
        self, kernel: Any, threads: int, inputs: tuple, outputs: tuple, of_inputs: tuple, of_outputs: tuple
    ) -> None:
        """The kernel's adjoint: adds to the gradients of its inputs those of its outputs. None: not wanted."""
        arguments = self._given(kernel, [*inputs, *outputs])
        gradients = self._given(kernel, [*of_inputs, *of_outputs])
        many = len(inputs)
        wp.launch(
            kernel, dim=threads, inputs=arguments[:many], outputs=arguments[many:],
            adj_inputs=gradients[:many], adj_outputs=gradients[many:], adjoint=True, device=self._device,
            stream=self._stream,
        )  # fmt: skip

    def _given(self, kernel: Any, arguments: list) -> list:
        """Tensors as arrays of the types that the kernel takes."""
        # As plain descriptors: making Warp arrays of them would take longer than everything else here.
        return [
            wp.from_torch(given, dtype=asked.type.dtype, requires_grad=False, return_ctype=True)
            if isinstance(given, Tensor)
            else given
            for asked, given in zip(kernel.adj.args, arguments, strict=True)
        ]


@functools.lru_cache(maxsize=64)
def _warp_stream(stream: torch.cuda.Stream) -> Any:
    """Warp's name for a stream of torch, kept: making one tells Warp's library of the stream every time."""
    return wp.stream_from_torch(stream)
