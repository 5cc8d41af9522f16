"""Sets of canonical Gaussians to the joined arrays that the rasteriser takes, by the compiled library."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, memory, threads

COLOURS = 3
"""Feature channels of a colour; with mattes there are `MATTES` more."""
MATTES = 4


@dataclass
class Neck:
    """What a set follows beside the head: a body that turns about a centre and shifts (talker_neck of api.h)."""

    body: Tensor
    """(6,) rotation vector / turn_scale, then shift, cm, in the camera."""
    turn_scale: float
    neck_y: Tensor
    """() height at which head and body have equal say, head cm."""
    neck_log_softness: Tensor
    """() logarithm of the height over which the head's say falls, cm."""
    centre: Tensor
    """(3,) what the body turns about, head cm."""
    rest_pose: Tensor
    """(4, 4) camera_from_head of the resting head."""
    rest_rotation: Tensor
    """(4,) its rotation."""


@dataclass
class Set:
    """N canonical Gaussians, and what they are changed by."""

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


class _HeadMotion(ctypes.Structure):
    _fields_ = (("pose", ctypes.c_void_p), ("rotation", ctypes.c_void_p))


class _Neck(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("body", "centre", "rest_pose", "rest_rotation")),
        *((name, ctypes.c_void_p) for name in ("neck_y", "neck_log_softness")),
        ("turn_scale", ctypes.c_float),
    )


class _Set(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in ("means", "rotations", "log_scales", "opacity_logits", "colour_logits", "change", "mattes")
        ),
        ("neck", ctypes.POINTER(_Neck)),
        ("change_width", ctypes.c_int32),
    )


class _Arrays(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("means", "quaternions", "scales", "opacities", "features")),
        ("channels", ctypes.c_int64),
    )


class _Gradient(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in (
            *("means", "rotations", "log_scales", "opacity_logits", "colour_logits", "change"),
            *("body", "neck_y", "neck_log_softness"),
        )
    )


LEARNED = 9
"""Tensors of a set that may learn, in the order of _Gradient."""


def serves(sets: list[Set]) -> bool:
    """Whether the compiled library is there and takes these sets: float32 on the CPU."""
    return all(s.means.dtype == torch.float32 and s.means.device.type == "cpu" for s in sets) and (
        library.load() is not None
    )


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
            (s.mattes, *((s.neck.centre, s.neck.rest_pose, s.neck.rest_rotation) if s.neck else ())) for s in sets
        ]
        self.counts = [len(s.means) for s in sets]
        self.turn_scales = [s.neck.turn_scale if s.neck else 0.0 for s in sets]
        self.head = (head_pose.contiguous(), head_rotation.contiguous())
        self.channels = COLOURS + (MATTES if mattes else 0)

    def describe(self, tensors: tuple[Tensor | None, ...]) -> tuple[ctypes.Array, _HeadMotion]:
        """The library's view of the sets; the tensors must outlive it."""
        sets = (_Set * len(self.fixed))()
        for i, fixed in enumerate(self.fixed):
            *canonical, change, body, neck_y, softness = tensors[i * LEARNED : (i + 1) * LEARNED]
            neck = None
            if body is not None:
                places = map(library.address, (body, *fixed[1:], neck_y, softness))
                neck = ctypes.pointer(_Neck(*places, self.turn_scales[i]))
            sets[i] = _Set(
                self.counts[i],
                *map(library.address, (*canonical, change, fixed[0])),
                neck,
                0 if change is None else change.shape[1],
            )
        return sets, _HeadMotion(*map(library.address, self.head))


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(ctx, job, *tensors):
        tensors = tuple(None if tensor is None else tensor.detach().contiguous() for tensor in tensors)
        count = sum(len(tensor) for tensor in tensors[::LEARNED])
        learns = any(ctx.needs_input_grad)
        empty = torch.empty if learns else memory.empty
        outputs = (empty(count, 3), empty(count, 4), empty(count, 3), empty(count), empty(count, job.channels))
        sets, head = job.describe(tensors)
        status = library.require().talker_pose_forward(
            sets, len(sets), ctypes.byref(head), threads.count(), ctypes.byref(_arrays(outputs))
        )
        library.check(status)
        if learns:
            ctx.save_for_backward(*outputs, *tensors)
            ctx.job = job
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, *upstream):
        outputs, tensors = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        upstream = tuple(gradient.contiguous() for gradient in upstream)
        sets, head = ctx.job.describe(tensors)
        wanted = ctx.needs_input_grad[1:]
        gradients: list[Tensor | None] = [None] * len(tensors)
        places = (_Gradient * len(sets))()
        for i in range(len(sets)):
            own = range(i * LEARNED, (i + 1) * LEARNED)
            if not any(wanted[k] for k in own):
                continue
            for k in own:
                gradients[k] = None if tensors[k] is None else torch.empty_like(tensors[k])
            places[i] = _Gradient(*(library.address(gradients[k]) for k in own))
        status = library.require().talker_pose_backward(
            sets,
            len(sets),
            ctypes.byref(head),
            threads.count(),
            ctypes.byref(_arrays(outputs)),
            ctypes.byref(_arrays(upstream)),
            places,
        )
        library.check(status)
        return None, *(gradient if want else None for gradient, want in zip(gradients, wanted, strict=True))


def _arrays(tensors: tuple[Tensor, ...] | list[Tensor]) -> _Arrays:
    return _Arrays(*(tensor.data_ptr() for tensor in tensors), tensors[4].shape[1])
