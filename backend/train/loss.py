"""What a training step minimises: the whole composited portrait against the recorded frame."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.kernels import picture_loss as kernel
from backend.portrait.gaussians import TORSO
from backend.portrait.portrait import PortraitFrame
from backend.settings import LossWeights
from backend.train.data import Sample
from backend.train.ssim import ssim


def composite(frame: PortraitFrame[Tensor], sample: Sample) -> Tensor:
    """(H, W, 3) the portrait over its background."""
    return frame.over(sample.background)


def picture_loss(picture: Tensor, sample: Sample, weights: LossWeights) -> Tensor:
    """L1 (with the mouth's box weighted up) and one minus SSIM of a composite (H, W, 3)."""
    difference = (picture - sample.rgb).abs()
    if sample.in_mouth is None:
        rows, columns = sample.mouth
        mouth = difference[rows, columns]
        total = difference.sum() + weights.mouth * mouth.sum()
        l1 = total / (difference.numel() + weights.mouth * mouth.numel())
    else:
        weight = 1 + weights.mouth * sample.in_mouth
        l1 = (difference * weight[..., None]).sum() / (picture.shape[-1] * weight.sum())
    loss = weights.l1 * l1
    if weights.ssim:
        loss = loss + weights.ssim * (1 - ssim(picture, sample.rgb))
    return loss


def matte_loss(frame: PortraitFrame[Tensor], sample: Sample, has_torso: bool) -> Tensor:
    """Mean absolute difference of the mattes and the region map; without a torso its channel does not count."""
    channels = 4 if has_torso else TORSO
    return (frame.drawn_mattes[..., :channels] - sample.regions[..., :channels]).abs().mean()


def portrait_loss(
    frame: PortraitFrame[Tensor],
    sample: Sample,
    has_torso: bool,
    weights: LossWeights,
    matte_weight: float,
) -> Tensor:
    """`picture_loss` of the composite, plus `matte_weight` times `matte_loss` where the frame has mattes.

    One call of the compiled kernel where that supports the case, else in torch.
    """
    channels = 4 if has_torso else TORSO
    case = kernel.Case(
        sample.background, sample.rgb, sample.mouth, weights.mouth, weights.l1, weights.ssim,
        None if frame.mattes is None else sample.regions[..., :channels], matte_weight,
    )  # fmt: skip
    if sample.in_mouth is None and kernel.serves(frame.rgb, case):
        return kernel.picture_loss(frame.rgb, frame.alpha, frame.mattes, case)
    loss = picture_loss(composite(frame, sample), sample, weights)
    return loss if frame.mattes is None else loss + matte_weight * matte_loss(frame, sample, has_torso)


def deformation_loss(facial: Tensor | None) -> Tensor:
    """Mean absolute facial deformation, (N, C) or None."""
    return torch.zeros(()) if facial is None else facial.abs().mean()
