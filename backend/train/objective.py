"""What a training step minimises: the whole composited portrait against the recorded frame."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.portrait.gaussians import TORSO
from backend.portrait.portrait import PortraitFrame
from backend.settings import LossWeights
from backend.train.data import Sample
from backend.train.losses import ssim


def composite(frame: PortraitFrame, sample: Sample, plate: Tensor, has_torso: bool) -> Tensor:
    """(S, S, 3) the portrait over its background.

    Where the torso is synthesised that is the plate; else the recorded frame as far as it shows torso or background
    (the baseline never learns what is behind the head there), and the plate behind the head.
    """
    if has_torso:
        return frame.over(plate)
    head = (sample.regions.sum(-1) - sample.regions[..., TORSO])[..., None]
    return frame.over(head * plate + (1 - head) * sample.rgb)


def picture_loss(picture: Tensor, sample: Sample, weights: LossWeights) -> Tensor:
    """L1 (with the mouth's box weighted up) and one minus SSIM of a composite (S, S, 3)."""
    difference = (picture - sample.rgb).abs()
    rows, columns = sample.mouth
    mouth = difference[rows, columns]
    total = difference.sum() + weights.mouth * mouth.sum()
    l1 = total / (difference.numel() + weights.mouth * mouth.numel())
    loss = weights.l1 * l1
    if weights.ssim:
        loss = loss + weights.ssim * (1 - ssim(picture, sample.rgb))
    return loss


def matte_loss(frame: PortraitFrame, sample: Sample, has_torso: bool) -> Tensor:
    """Mean absolute difference of the mattes and the region map; without a torso its channel does not count."""
    channels = 4 if has_torso else TORSO
    return (frame.mattes[..., :channels] - sample.regions[..., :channels]).abs().mean()


def deformation_loss(facial: Tensor | None) -> Tensor:
    """Mean absolute facial deformation, (N, C) or None."""
    return torch.zeros(()) if facial is None else facial.abs().mean()
