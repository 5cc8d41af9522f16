"""Deformation fields: how a performance moves every point of a canonical shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backend.kernels import field, field_head
from backend.portrait.gaussians import GaussianSet
from backend.portrait.head_motion import quaternion_multiply
from backend.portrait.planes import TriPlane
from backend.settings import PortraitSettings

MOUTH_SIDEWAYS = 0.2
"""Sideways and in depth, the mouth of a ChannelGatedField moves by this share of what its net says."""


@dataclass
class Deformed:
    """Gaussians of one frame, still in canonical (head, cm) coordinates. N of them."""

    means: Tensor
    """(N, 3) head cm."""
    rotations: Tensor
    """(N, 4) quaternions of any length."""
    log_scales: Tensor
    """(N, 3) logarithm of standard deviations in cm."""
    colour_logits: Tensor
    """(N, 3) logit of display RGB."""


class ModeField(nn.Module):
    """Deformation as a sum of learned modes, each a smooth field over space, weighted by the drive.

    Tri-plane features of a point go through a small net that gives its share in `modes` deformation modes. Another
    small net, with a linear path beside it, turns the drive into the weights of the modes: learned, continuous blend
    shapes. Modes do not depend on the drive, so a trained model evaluates the first net once and poses a frame with one
    matrix product. The second net sees only a few hundred frames; a sum of modes cannot memorise them point by point.

    The modes start at zero: a new field is the identity under any drive. `curved` False: the linear path alone, which
    extrapolates better to drives outside the footage's.
    """

    def __init__(
        self, encoder: TriPlane, drive_width: int, outputs: int, modes: int, hidden: int, curved: bool = True
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.modes, self.outputs = modes, outputs
        self.trunk = nn.Sequential(nn.Linear(encoder.width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, modes * outputs, bias=False)
        nn.init.zeros_(self.head.weight)
        self.linear = nn.Linear(drive_width, modes)
        self.curve = (
            nn.Sequential(nn.Linear(drive_width, hidden), nn.Tanh(), nn.Linear(hidden, modes, bias=False))
            if curved
            else None
        )

    def read(self, points: Tensor) -> Tensor:
        """(N, hidden) features of points (N, 3), head cm: the part of the field that does not depend on the drive."""
        return self.trunk(self.encoder(points))

    def posed_head(self, drive: Tensor) -> Tensor:
        """(outputs, hidden) matrix from the features of `read` to the deformation under a drive (D,)."""
        weights = self.linear(drive)
        if self.curve is not None:
            weights = weights + self.curve(drive)
        # The modes are linear in the features: combining their matrices first, instead of their values at every point,
        # saves nearly all of the arithmetic of a step.
        modes = self.head.weight.view(self.modes, -1)
        return (weights @ modes).view(self.outputs, -1)

    def pose(self, read: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation under a drive (D,), from what `read` gave."""
        return field_head.pose(read, self.posed_head(drive))

    def forward(self, points: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation of points (N, 3) under a drive (D,)."""
        return self.pose(self.read(points), drive)

    def change(self, points: Tensor, drive: Tensor) -> Tensor:
        """As `forward`, for a field in training: one call of the compiled kernel where that supports the field."""
        first, second = (layer for layer in self.trunk if isinstance(layer, nn.Linear))
        layers = (first.weight, first.bias, second.weight, second.bias)
        encoder = self.encoder
        return field.change(points, encoder.low, encoder.high, list(encoder.levels), layers, self.posed_head(drive))


class GatedNetField(nn.Module):
    """Deformation by one net that sees tri-plane features and drives together, each drive gated point by point.

    The arrangement of TalkingGaussian's fields (Li et al. 2024, section 3.2), used by the baseline recipe. Its last
    layer starts at zero: whatever the drives, a new field is the identity.
    """

    def __init__(self, encoder: TriPlane, drive_widths: tuple[int, ...], outputs: int, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.outputs, self.hidden = outputs, hidden
        self.drive_widths = drive_widths
        self.spatial = nn.Linear(encoder.width, hidden + len(drive_widths))
        self.driven = nn.ModuleList(nn.Linear(width, hidden, bias=False) for width in drive_widths)
        self.trunk = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, outputs, bias=False)
        nn.init.zeros_(self.head.weight)

    def read(self, points: Tensor) -> Tensor:
        """(N, hidden + gates) features of points (N, 3), head cm: the part that does not depend on the drive."""
        return self.spatial(self.encoder(points))

    def pose(self, read: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation under the joined drives (D,), from what `read` gave."""
        value, gates = read[:, : self.hidden], torch.sigmoid(read[:, self.hidden :])
        for index, part in enumerate(drive.split(self.drive_widths)):
            value = value + gates[:, index, None] * self.driven[index](part)
        return self.head(self.trunk(value))

    def forward(self, points: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation of points (N, 3) under the joined drives (D,)."""
        return self.pose(self.read(points), drive)

    def change(self, points: Tensor, drive: Tensor) -> Tensor:
        """As `forward`, for a field in training."""
        return self(points, drive)


class ChannelGatedField(nn.Module):
    """Deformation by one net without biases that sees tri-plane features and drives together, every channel of a drive
    gated point by point.

    The nets of TalkingGaussian (Li et al. 2024, and its authors' program). The face's has two drives, speech and
    expression: speech with gates of any sign, expression through a small net (its last value as it is) with gates that
    are not negative. The mouth's has speech alone, without gates, and half the width; it moves up and down more easily
    than sideways. The last layer starts at zero: whatever the drives, a new field is the identity.
    """

    unit: Tensor

    def __init__(self, encoder: TriPlane, drive_widths: tuple[int, ...], outputs: int, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.outputs = outputs
        speech, expression = drive_widths[0], sum(drive_widths[1:])
        self.widths = (encoder.width, speech, expression)
        self.register_buffer("unit", torch.ones(outputs))
        if expression:
            self.speech_gates = _small_net(encoder.width, 32, speech)
            self.expression_gates = _small_net(encoder.width, 16, expression)
            self.expression_code = _small_net(expression - 1, 16, expression - 1)
        else:
            hidden = hidden // 2
            self.unit[[0, 2]] = MOUTH_SIDEWAYS
        seen = encoder.width + speech + expression
        self.trunk = nn.Sequential(
            nn.Linear(seen, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, hidden, bias=False), nn.ReLU()
        )
        self.head = nn.Linear(hidden, outputs, bias=False)
        nn.init.zeros_(self.head.weight)

    @property
    def has_gates(self) -> bool:
        """Whether drives are gated: in the face's field."""
        return bool(self.widths[2])

    def read(self, points: Tensor) -> Tensor:
        """(N, features + gates) of points (N, 3), head cm: the part that does not depend on the drive."""
        features = self.encoder(points)
        if not self.has_gates:
            return features
        return torch.cat((features, self.speech_gates(features), self.expression_gates(features).relu()), dim=1)

    def attention(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N,), (N,) how far speech and expression reach points (N, 3): the lengths of their gates."""
        _, speech, expression = self.read(points).split(self.widths, dim=1)
        return speech.norm(dim=1), expression.norm(dim=1)

    def pose(self, read: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation under the joined drives (D,), from what `read` gave."""
        if not self.has_gates:
            seen = torch.cat((read, drive.expand(len(read), -1)), dim=1)
        else:
            features, speech_gates, expression_gates = read.split(self.widths, dim=1)
            speech, expression = drive.split(self.widths[1:])
            code = torch.cat((self.expression_code(expression[:-1]), expression[-1:]))
            seen = torch.cat((features, speech_gates * speech, expression_gates * code), dim=1)
        return self.head(self.trunk(seen)) * self.unit

    def forward(self, points: Tensor, drive: Tensor) -> Tensor:
        """(N, outputs) deformation of points (N, 3) under the joined drives (D,)."""
        return self.pose(self.read(points), drive)

    def change(self, points: Tensor, drive: Tensor) -> Tensor:
        """As `forward`, for a field in training."""
        return self(points, drive)


def _small_net(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, outputs, bias=False))


Field = ModeField | GatedNetField | ChannelGatedField
"""A deformation field of any form."""


def make_field(
    settings: PortraitSettings,
    planes: tuple[int, ...],
    features: int,
    modes: int,
    drive_widths: tuple[int, ...],
    outputs: int,
) -> Field:
    """A deformation field of the form that the settings name."""
    encoder = TriPlane(planes, features)
    if settings.field == "modes":
        return ModeField(encoder, sum(drive_widths), outputs, modes, settings.hidden)
    if settings.field == "net":
        return GatedNetField(encoder, drive_widths, outputs, settings.hidden)
    if settings.field == "channels":
        return ChannelGatedField(encoder, drive_widths, outputs, settings.hidden)
    raise ValueError(f"field is {settings.field!r}, expected modes, net or channels")


def deform(gaussians: GaussianSet, change: Tensor) -> Deformed:
    """Gaussians moved by a field's output (N, 6, 9 or 12): position cm, rotation (half angles about head axes),
    log scale, colour logit; what is missing stays."""
    means = gaussians.means + change[:, :3]
    rotations: Tensor = gaussians.rotations
    log_scales: Tensor = gaussians.log_scales
    colours: Tensor = gaussians.colour_logits
    if change.shape[1] > 3:
        turn = torch.cat((torch.ones_like(change[:, :1]), change[:, 3:6]), dim=1)
        rotations = quaternion_multiply(turn, rotations)
    if change.shape[1] > 6:
        log_scales = log_scales + change[:, 6:9]
    if change.shape[1] > 9:
        colours = colours + change[:, 9:12]
    return Deformed(means, rotations, log_scales, colours)
