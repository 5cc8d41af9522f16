"""Pictures without gradients on a GPU as captured graphs: one for every number of Gaussians and size of picture."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

import torch
from torch import Tensor

from shared.camera import Intrinsics

from .capture import Captured, GraphPool, agree
from .cuda_function import Rasterize
from .cuda_lists import Watch
from .lens import LENS, Lens, lens_of

log = logging.getLogger(__name__)

MOST_KINDS = 8
"""So many kinds of pictures have a graph at a time: those that were drawn last."""

_kinds: OrderedDict[tuple, _Kind] = OrderedDict()
_turn = threading.Lock()


def render(inputs: list[Tensor], intrinsics: Intrinsics, blur: float) -> tuple[Tensor, ...]:
    """As Rasterize.apply of contiguous float32 tensors of one device, where nothing learns. Waits for the device.

    The first picture of a kind is drawn operation by operation, the second is captured.
    """
    key = (inputs[0].device, len(inputs[0]), inputs[4].shape[1], intrinsics.height, intrinsics.width)
    with _turn, torch.no_grad():
        kind = _kinds.pop(key, None) or _Kind(inputs, intrinsics)
        _kinds[key] = kind
        while len(_kinds) > MOST_KINDS:
            _kinds.popitem(last=False)
        return kind.render(inputs, lens_of(intrinsics, blur, inputs[0].device))


class _Kind:
    """Pictures of so many Gaussians with so many features, of one size."""

    def __init__(self, inputs: list[Tensor], intrinsics: Intrinsics) -> None:
        device = inputs[0].device
        self._inputs = [tensor.detach().clone() for tensor in inputs]
        self._lens = torch.zeros(LENS, dtype=torch.float64, device=device)
        self._camera = Lens(**vars(intrinsics), on_device=self._lens)
        self._watch, self._pool = Watch.on(device), GraphPool(device)
        self._watch.prepare(device, intrinsics.height, intrinsics.width)
        self._outputs: tuple[Tensor, ...] = ()
        self._graph: Captured | None = None
        self._captures = True

    def render(self, inputs: list[Tensor], lens: Tensor) -> tuple[Tensor, ...]:
        """The picture of these."""
        torch._foreach_copy_([*self._inputs, self._lens], [*inputs, lens])
        while self._captures and self._outputs:
            if self._graph is None:
                self._graph = self._capture()
                continue
            self._graph.replay()
            outputs = tuple(output.clone() for output in self._outputs)
            if not self._watch.overflow.item():
                return outputs
            self._watch.grow()
            self._graph = None
        with self._pool.aside():
            self._body()
        return tuple(output.clone() for output in self._outputs)

    def _capture(self) -> Captured | None:
        """A graph of these pictures; None where that cannot be: they are sent one by one from then on."""
        try:
            graph = Captured(self._body, self._watch, self._pool)
            graph.replay()
            replayed = self._outputs
            if self._watch.overflow.item():
                return graph
            with self._pool.aside():
                self._body()
            expected, self._outputs = self._outputs, replayed
            if agree(replayed, expected):
                return graph
            why = "a replayed picture differs"
        except RuntimeError as error:
            why = str(error).splitlines()[0]
        log.warning("Pictures cannot be captured here (%s): they are sent one by one, slowly.", why)
        self._captures = False
        return None

    def _body(self) -> None:
        self._outputs = Rasterize.apply(*self._inputs, self._camera, 1.0)
