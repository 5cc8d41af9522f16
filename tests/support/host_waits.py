"""A stand-in for a GPU that tells of every operation for which the CPU would wait, and counts those that are sent."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.train import ssim

READS = {
    "aten._local_scalar_dense", "aten.is_nonzero", "aten.equal", "aten.nonzero", "aten.masked_select", "aten._unique2",
    "aten.unique_dim", "aten.unique_consecutive", "aten.repeat_interleave",
}  # fmt: skip
"""Operations whose value, or the shape of whose output, the CPU has to know."""
_VIEWS = {
    "aten.view",
    "aten.detach",
    "aten.slice",
    "aten.select",
    "aten.expand",
    "aten.t",
    "aten.permute",
    "aten.alias",
}
"""Some of those that send nothing."""


class HostWaits(TorchDispatchMode):
    """Names of the operations for which the CPU would wait for a GPU, in `waits`; how many are sent, in `sent`.

    Tensors on the CPU stand for those of the GPU. Counted are torch's own operations, in the thread that runs it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.sent = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        name = str(function).rsplit(".", 1)[0]
        by_mask = name in ("aten.index", "aten.index_put", "aten.index_put_") and any(
            isinstance(leaf, torch.Tensor) and leaf.dtype is torch.bool for leaf in tree_leaves(arguments[1])
        )
        if name in READS or by_mask:
            self.waits.append(name)
        self.sent += name not in _VIEWS
        return function(*arguments, **(options or {}))


class _Similarity(torch.autograd.Function):
    forward = staticmethod(ssim._in_torch)
    backward = ssim._FastSsim.backward


def similarity_as_on_a_gpu(picture: Tensor, target: Tensor) -> Tensor:
    """As `ssim.ssim`, by the operations that a GPU is sent."""
    return _Similarity.apply(picture, target)
