"""Posing on a GPU: canonical sets of Gaussians to the joined arrays that the rasteriser takes, one kernel a set.

In torch it is a hundred operations forward and as many back, of which each takes longer to begin than to do. Importing
this module imports Warp.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.kernels.pose import COLOURS, MATTES, Set
from backend.portrait.cuda_pose_kernel import pose_set
from backend.raster.cuda_launch import Launcher

_LEARNED = 9
"""Tensors of a set that may learn: five of the Gaussians, the change, three of the neck."""


def pose(sets: list[Set], head_pose: Tensor, head_rotation: Tensor, mattes: bool) -> tuple[Tensor, ...]:
    """As `kernels.pose.pose`, of tensors of one device."""
    tensors: list[Tensor | None] = []
    for s in sets:
        tensors += [s.means, s.rotations, s.log_scales, s.opacity_logits, s.colour_logits, s.change]
        tensors += [None] * 3 if s.neck is None else [s.neck.body, s.neck.neck_y, s.neck.neck_log_softness]
    return _Pose.apply(sets, head_pose, head_rotation, mattes, *tensors)


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sets: list[Set], head_pose: Tensor, head_rotation: Tensor, mattes: bool, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        tensors = tuple(None if tensor is None else tensor.detach().contiguous() for tensor in tensors)
        count = sum(len(s.means) for s in sets)
        empty = head_pose.new_empty
        channels = COLOURS + (MATTES if mattes else 0)
        outputs = (empty(count, 3), empty(count, 4), empty(count, 3), empty(count), empty(count, channels))
        fixed = [_fixed(s, head_pose, head_rotation) for s in sets]
        launch = Launcher(head_pose.device)
        first = 0
        for number, s in enumerate(sets):
            own = tensors[_LEARNED * number : _LEARNED * (number + 1)]
            launch(pose_set, len(s.means), tuple(_flat(own)), (*fixed[number], first), outputs)
            first += len(s.means)
        ctx.save_for_backward(*outputs, *tensors)
        ctx.fixed, ctx.counts = fixed, [len(s.means) for s in sets]
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        outputs, tensors = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        wanted = ctx.needs_input_grad[4:]
        upstream = tuple(gradient.contiguous() for gradient in upstream)
        # One array of zeros for all of them, each from a multiple of 16 bytes: each by itself would be an operation.
        learned = [tensor if want else None for tensor, want in zip(tensors, wanted, strict=True)]
        sizes = [0 if tensor is None else tensor.numel() for tensor in learned]
        zeros = upstream[0].new_zeros(sum(_rounded(size) for size in sizes)).split([_rounded(size) for size in sizes])
        gradients = [
            None if tensor is None else part[: tensor.numel()].view(tensor.shape)
            for tensor, part in zip(learned, zeros, strict=True)
        ]
        launch = Launcher(upstream[0].device)
        first = 0
        for number, count in enumerate(ctx.counts):
            own = slice(_LEARNED * number, _LEARNED * (number + 1))
            fixed = (*ctx.fixed[number], first)
            if any(gradient is not None for gradient in gradients[own]):
                launch.adjoint(
                    pose_set, count, (*_flat(tensors[own]), *fixed), outputs,
                    (*_flat(gradients[own]), *(value if isinstance(value, (int, float)) else None for value in fixed)),
                    upstream,
                )  # fmt: skip
            first += count
        return None, None, None, None, *gradients


def _rounded(size: int) -> int:
    return -(-size // 4) * 4


def _fixed(s: Set, head_pose: Tensor, head_rotation: Tensor) -> tuple[Tensor | float | int | None, ...]:
    """What of a set does not learn, in the kernel's order, but for its first row."""
    neck = s.neck
    width = 0 if s.change is None else s.change.shape[1]
    head = (s.mattes.contiguous(), head_pose.contiguous(), head_rotation.contiguous())
    if neck is None:
        return (*head, None, None, None, 0.0, width)
    rest = (neck.centre, neck.rest_pose.contiguous(), neck.rest_rotation.contiguous())
    return (*head, *rest, neck.turn_scale, width)


def _flat(tensors: Any) -> list[Tensor | None]:
    """The tensors of a set that may learn; numbers as arrays of one."""
    return [tensor.view(1) if tensor is not None and tensor.ndim == 0 else tensor for tensor in tensors]
