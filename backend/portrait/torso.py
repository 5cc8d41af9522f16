"""Neck and shoulders: Gaussians attached to the head and to a body, which has its own motion or follows the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backend.exact import small_product
from backend.portrait.field import ModeField
from backend.portrait.head_motion import quaternion_from_vector, quaternion_multiply, rotation_from_vector
from backend.portrait.planes import TriPlane
from backend.settings import PortraitSettings
from shared.errors import InputError

NECK_TOP_BELOW_CHIN_CM = 2.0
"""Where head and body have equal weight at the start."""
NECK_SOFTNESS_CM = 1.2
TURN_SCALE = 0.05
"""Radians in the unit of the body's turn: turn and shift (cm) then learn at rates that suit both."""
MOTION_LIMIT = 6.0
"""Head motion beyond so many standard deviations of the footage's moves the body no further."""
LEAST_VARIANCE = 1e-3
"""Directions of motion count as having at least this share of the largest variance, so that noise is not amplified."""
FOLLOWING_RIDGE = 1e-3
"""Ridge of the regression of body motion on head motion, as a share of the head motion's variance."""


class TorsoMotion(nn.Module):
    """How the torso moves under the motion of head and body.

    Its rest pose is the footage's mean head pose. A point follows the head by a weight that falls smoothly down the
    neck, so that no gap opens under the chin, and follows the body by the rest of the weight. The body's rigid motion
    and its non-rigid deformation are linear in the drive, because footage covers few poses and a new line asks for
    others. The drive is the motion of the head and the body's own (preprocess.body). Under new head poses the body's
    motion is predicted from the head's (`with_body`).
    """

    follow: Tensor
    whitening: Tensor
    centre: Tensor

    def __init__(self, settings: PortraitSettings, head_width: int, body_width: int = 0) -> None:
        super().__init__()
        drive_width = head_width + body_width
        self.body_width = body_width
        if body_width:
            self.register_buffer("follow", torch.zeros(head_width + 1, body_width))
        self.register_buffer("whitening", torch.eye(drive_width))
        self.register_buffer("centre", torch.zeros(3))
        self.neck_y = nn.Parameter(torch.zeros(()))
        self.neck_log_softness = nn.Parameter(torch.tensor(NECK_SOFTNESS_CM).log())
        self.body = nn.Linear(drive_width, 6, bias=False)
        nn.init.zeros_(self.body.weight)
        encoder = TriPlane(settings.torso_planes, settings.torso_features)
        self.field = ModeField(encoder, drive_width, 3, settings.torso_modes, settings.hidden // 2, curved=False)

    @torch.no_grad()
    def start(self, points: Tensor, chin_y_cm: float, motion: Tensor, body: Tensor | None = None) -> None:
        """Initialise from the torso's points at rest (N, 3), the chin's height, and the footage's motion of the head
        (T, head_width) and of the body (T, body_width). Raises ValueError where the body's is needed and missing."""
        if self.body_width:
            if body is None:
                raise ValueError(f"the body's motion is missing: this torso replays {self.body_width} curves of it")
            self.follow.copy_(fit_following(motion.double(), body.double()))
        motion = self.with_body(motion, body)
        self.field.encoder.enclose(points, 1.0)
        self.centre.copy_(points.mean(dim=0))
        self.neck_y.fill_(chin_y_cm - NECK_TOP_BELOW_CHIN_CM)
        scale = motion.double().square().mean(dim=0).sqrt().clamp_min(1e-3)
        values, vectors = torch.linalg.eigh((motion.double() / scale).T @ (motion.double() / scale) / len(motion))
        values = values.clamp_min(LEAST_VARIANCE * values.max().clamp_min(1e-6))
        self.whitening.copy_(vectors / values.sqrt() / scale[:, None])

    def with_body(self, motion: Tensor, body: Tensor | None) -> Tensor:
        """(T, D) what `drive` takes: head motion (T, head_width) (rotations.motion_features) and the body's (T,
        body_width); None: predicted from the head's motion. Raises InputError for the body of another track."""
        if not self.body_width:
            return motion
        if body is None:
            # A row of it is part of what a frame's key is made of: it must not depend on the other rows.
            body = small_product(motion, self.follow[:-1]) + self.follow[-1]
        if body.shape != (len(motion), self.body_width):
            if body.ndim == 2 and len(body) == len(motion):
                raise InputError(
                    f"The subject's track has {body.shape[1]} curves of the body, this model {self.body_width}.",
                    "The subject was made anew since the training: train again.",
                )
            raise ValueError(f"body motion has shape {tuple(body.shape)}, expected {(len(motion), self.body_width)}")
        return torch.cat([motion, body], dim=1)

    def head_weight(self, points: Tensor) -> Tensor:
        """(N,) in (0, 1): how far points (N, 3), head cm at rest, move with the head."""
        return torch.sigmoid((points[:, 1] - self.neck_y) * torch.exp(-self.neck_log_softness))

    def drive(self, motion: Tensor) -> Tensor:
        """(D,) motion of head and body, whitened over the footage and limited."""
        return (motion @ self.whitening).clamp(-MOTION_LIMIT, MOTION_LIMIT)

    def hang(
        self,
        points: Tensor,
        rest: Tensor,
        rotations: Tensor,
        body: Tensor,
        rest_pose: Tensor,
        rest_rotation: Tensor,
        pose: Tensor,
        head_rotation: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Means (N, 3) cm and rotations (N, 4) in the camera.

        points, rest: canonical positions before and after the field's change (N, 3); rotations (N, 4); body (6,) as
        `body` makes it of a drive; rest_pose and pose (4, 4) camera_from_head with their rotations as quaternions (4,).
        """
        weight = self.head_weight(points)[:, None]
        turn, shift = TURN_SCALE * body[:3], body[3:]
        centre = rest_pose[:3, :3] @ self.centre + rest_pose[:3, 3]
        resting = rest @ rest_pose[:3, :3].T + rest_pose[:3, 3]
        with_body = (resting - centre) @ rotation_from_vector(turn).T + centre + shift
        with_head = rest @ pose[:3, :3].T + pose[:3, 3]
        means = with_body + weight * (with_head - with_body)
        body_rotation = quaternion_multiply(quaternion_from_vector(turn), rest_rotation)
        toward = torch.where((body_rotation * head_rotation).sum() < 0, -head_rotation, head_rotation)
        blend = body_rotation + weight * (toward - body_rotation)
        return means, quaternion_multiply(blend, rotations)


def fit_following(motion: Tensor, body: Tensor) -> Tensor:
    """(H + 1, K) ridge regression, its last row the offset, of body motion (T, K) on head motion (T, H)."""
    mean, scale = motion.mean(dim=0), motion.std(dim=0).clamp_min(1e-6)
    unit = (motion - mean) / scale
    gram = unit.T @ unit / len(unit)
    slope = torch.linalg.solve(
        gram + FOLLOWING_RIDGE * torch.eye(len(gram), dtype=gram.dtype), unit.T @ (body - body.mean(dim=0)) / len(unit)
    )
    slope = slope / scale[:, None]
    return torch.cat([slope, (body.mean(dim=0) - mean @ slope)[None]])
