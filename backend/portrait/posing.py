"""Posed Gaussians: the canonical sets, what the fields change, and a head pose, to what the rasteriser takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backend.kernels import pose as kernel
from backend.portrait.field import deform
from backend.portrait.gaussians import GaussianSet
from backend.portrait.head_motion import quaternion_multiply
from backend.portrait.torso import TURN_SCALE, TorsoMotion


@dataclass
class Part:
    """A set of Gaussians to be posed for a frame."""

    gaussians: GaussianSet
    change: Tensor | None
    """(N, 3, 6, 9 or 12) as `field.deform` takes it; None: the canonical shape."""
    torso: TorsoMotion | None = None
    """The motion of a set that is attached to head and body; None: rigid with the head."""
    body: Tensor | None = None
    """(6,) the body's motion under such a set (TorsoMotion.body of its drive)."""

    def __post_init__(self) -> None:
        if (self.torso is None) != (self.body is None):
            raise ValueError("a set that hangs between head and body needs the motion of both, another one of neither")


@dataclass
class Posed:
    """What the rasteriser takes: N Gaussians in the camera, cm."""

    means: Tensor
    """(N, 3)"""
    quaternions: Tensor
    """(N, 4) of any length."""
    scales: Tensor
    """(N, 3)"""
    opacities: Tensor
    """(N,)"""
    features: Tensor
    """(N, 3 or 7) colours and, where asked for, one-hot mattes."""


def pose_parts(
    parts: list[Part], pose: Tensor, turn: Tensor, rest_pose: Tensor, rest_rotation: Tensor, mattes: bool
) -> Posed:
    """All parts under a head pose (4, 4) camera_from_head with its rotation as a quaternion `turn` (4,).

    rest_pose (4, 4), rest_rotation (4,): pose and rotation of the head at rest. mattes: whether the features hold them.
    By the compiled kernel where that supports the parts, by Warp's on a GPU, else in torch.
    """
    sets = [kernel_set(part, rest_pose, rest_rotation) for part in parts]
    if kernel.serves(sets):
        return Posed(*kernel.pose(sets, pose, turn, mattes))
    if pose.device.type == "cuda":
        from backend.portrait import cuda_posing  # imports Warp

        return Posed(*cuda_posing.pose(sets, pose, turn, mattes))
    return pose_in_torch(parts, pose, turn, rest_pose, rest_rotation, mattes)


def pose_in_torch(
    parts: list[Part], pose: Tensor, turn: Tensor, rest_pose: Tensor, rest_rotation: Tensor, mattes: bool
) -> Posed:
    """`pose_parts` in plain torch: the oracle of the kernel, and used where there is none."""
    each = []
    for part in parts:
        gaussians = part.gaussians
        none = torch.zeros_like(gaussians.means)
        moved = deform(gaussians, none if part.change is None else part.change)
        if part.torso is None or part.body is None:
            means = moved.means @ pose[:3, :3].T + pose[:3, 3]
            rotations = quaternion_multiply(turn, moved.rotations)
        else:
            means, rotations = part.torso.hang(
                gaussians.means, moved.means, moved.rotations, part.body, rest_pose, rest_rotation, pose, turn
            )
        features = torch.sigmoid(moved.colour_logits)
        if mattes:
            features = torch.cat((features, gaussians.matte_features), dim=1)
        each.append((means, rotations, moved.log_scales.exp(), gaussians.opacities, features))
    return Posed(*(torch.cat(arrays) for arrays in zip(*each, strict=True)))


def kernel_set(part: Part, rest_pose: Tensor, rest_rotation: Tensor) -> kernel.Set:
    g, torso = part.gaussians, part.torso
    neck = None
    if torso is not None and part.body is not None:
        neck = kernel.Neck(
            part.body, TURN_SCALE, torso.neck_y, torso.neck_log_softness, torso.centre, rest_pose, rest_rotation
        )
    return kernel.Set(
        g.means, g.rotations, g.log_scales, g.opacity_logits, g.colour_logits, g.mattes, part.change, neck
    )
