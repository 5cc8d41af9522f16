"""Sets of canonical Gaussians to the joined arrays that the rasteriser takes, by the compiled library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, memory, threads
from .arguments import NULL, struct, structs
from .tensors import are_served, floats, longs

COLOURS = 3
"""Feature channels of a colour; with mattes there are `MATTES` more."""
MATTES = library.LIMITS["TALKER_MATTES"]


@dataclass
class Neck:
    """What a set follows beside the head: a body that turns about a centre and shifts (talker_neck of api.h)."""

    body: Tensor
    """(6,) rotation vector / turn_scale, then shift, cm, in the camera."""
    turn_scale: float
    neck_y: Tensor
    """() height at which head and body have equal weight, head cm."""
    neck_log_softness: Tensor
    """() logarithm of the height over which the head's weight falls, cm."""
    centre: Tensor
    """(3,) what the body turns about, head cm."""
    rest_pose: Tensor
    """(4, 4) camera_from_head of the resting head."""
    rest_rotation: Tensor
    """(4,) its rotation."""


@dataclass
class Set:
    """N canonical Gaussians and their changes."""

    means: Tensor
    """(N, 3) head cm."""
    rotations: Tensor
    """(N, 4) quaternions."""
    log_scales: Tensor
    """(N, 3) logarithm of cm."""
    opacity_logits: Tensor
    """(N,)"""
    colour_logits: Tensor
    """(N, 3)"""
    mattes: Tensor
    """(N,) int64 matte numbers."""
    change: Tensor | None = None
    """(N, 3, 6, 9 or 12): position, half angles, log scale, colour logit."""
    neck: Neck | None = None
    """None: rigid with the head."""


_GRADIENT = (
    *("means", "rotations", "log_scales", "opacity_logits", "colour_logits", "change"),
    *("body", "neck_y", "neck_log_softness"),
)
LEARNED = len(_GRADIENT)
"""Tensors of a set that may learn; the last three belong to its neck."""


def serves(sets: list[Set]) -> bool:
    """Whether the compiled library is there and takes these sets: float32 on the CPU."""
    return are_served(*(s.means for s in sets))


def pose(sets: list[Set], head_pose: Tensor, head_rotation: Tensor, mattes: bool) -> tuple[Tensor, ...]:
    """Means (N, 3), quaternions (N, 4), scales (N, 3), opacities (N,) and features (N, 3 or 7) of all sets, joined.

    head_pose (4, 4) camera_from_head, with its rotation as a quaternion (4,); features are colours in (0, 1) and, with
    `mattes`, one-hot mattes. Differentiable in the sets' tensors but for mattes, centre and the resting head's pose.
    Raises ValueError or MemoryError.
    """
    tensors: list[Tensor | None] = []
    for s in sets:
        tensors += [s.means, s.rotations, s.log_scales, s.opacity_logits, s.colour_logits, s.change]
        tensors += [None] * 3 if s.neck is None else [s.neck.body, s.neck.neck_y, s.neck.neck_log_softness]
    return _Pose.apply(_Job(sets, head_pose, head_rotation, mattes), *tensors)


class _Job:
    """The parts of a call that do not learn."""

    def __init__(self, sets: list[Set], head_pose: Tensor, head_rotation: Tensor, mattes: bool) -> None:
        self.fixed = [
            [
                tensor.contiguous()
                for tensor in (s.mattes, *((s.neck.centre, s.neck.rest_pose, s.neck.rest_rotation) if s.neck else ()))
            ]
            for s in sets
        ]
        self.counts = [len(s.means) for s in sets]
        self.turn_scales = [s.neck.turn_scale if s.neck else 0.0 for s in sets]
        self.head = (head_pose.contiguous(), head_rotation.contiguous())
        self.channels = COLOURS + (MATTES if mattes else 0)

    def describe(self, tensors: tuple[Tensor | None, ...]) -> tuple[Any, Any, list]:
        """The library's view of the sets and of the head's motion, and what must outlive it besides the tensors."""
        sets, necks = [], []
        for i, fixed in enumerate(self.fixed):
            *canonical, change, body, neck_y, softness = tensors[i * LEARNED : (i + 1) * LEARNED]
            means, rotations, log_scales, opacity_logits, colour_logits = canonical
            neck = NULL
            if body is not None:
                centre, rest_pose, rest_rotation = fixed[1:]
                neck = struct(
                    "talker_neck",
                    body=floats(body),
                    centre=floats(centre),
                    rest_pose=floats(rest_pose),
                    rest_rotation=floats(rest_rotation),
                    neck_y=floats(neck_y),
                    neck_log_softness=floats(softness),
                    turn_scale=self.turn_scales[i],
                )
                necks.append(neck)
            sets.append(
                {
                    "count": self.counts[i],
                    "means": floats(means),
                    "rotations": floats(rotations),
                    "log_scales": floats(log_scales),
                    "opacity_logits": floats(opacity_logits),
                    "colour_logits": floats(colour_logits),
                    "change": floats(change),
                    "mattes": longs(fixed[0]),
                    "neck": neck,
                    "change_width": 0 if change is None else change.shape[1],
                }
            )
        pose, rotation = self.head
        head = struct("talker_head_motion", pose=floats(pose), rotation=floats(rotation))
        return structs("talker_pose_set", sets), head, necks


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, job: _Job, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        tensors = tuple(None if tensor is None else tensor.detach().contiguous() for tensor in tensors)
        count = sum(job.counts)
        learns = any(ctx.needs_input_grad)
        empty = torch.empty if learns else memory.empty
        outputs = (empty(count, 3), empty(count, 4), empty(count, 3), empty(count), empty(count, job.channels))
        sets, head, necks = job.describe(tensors)
        status = library.require().talker_pose_forward(sets, len(sets), head, threads.count(), _arrays(outputs))
        library.check(status)
        del necks
        if learns:
            ctx.save_for_backward(*outputs, *tensors)
            ctx.job = job
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        outputs, tensors = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        upstream = tuple(gradient.contiguous() for gradient in upstream)
        sets, head, necks = ctx.job.describe(tensors)
        wanted = ctx.needs_input_grad[1:]
        gradients: list[Tensor | None] = [None] * len(tensors)
        places = []
        for i in range(len(sets)):
            own = range(i * LEARNED, (i + 1) * LEARNED)
            if any(wanted[k] for k in own):
                for k in own:
                    gradients[k] = None if tensors[k] is None else torch.empty_like(tensors[k])
            places.append(dict(zip(_GRADIENT, (floats(gradients[k]) for k in own), strict=True)))
        status = library.require().talker_pose_backward(
            sets,
            len(sets),
            head,
            threads.count(),
            _arrays(outputs),
            _arrays(upstream),
            structs("talker_pose_gradient", places),
        )
        library.check(status)
        del necks
        return None, *(gradient if want else None for gradient, want in zip(gradients, wanted, strict=True))


def _arrays(tensors: tuple[Tensor, ...] | list[Tensor]) -> Any:
    means, quaternions, scales, opacities, features = tensors
    return struct(
        "talker_pose_arrays",
        means=floats(means),
        quaternions=floats(quaternions),
        scales=floats(scales),
        opacities=floats(opacities),
        features=floats(features),
        channels=features.shape[1],
    )
