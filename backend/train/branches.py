"""The loss of the published baseline's branches: face and mouth each by itself, on its own region over green.

Li et al. 2024, "TalkingGaussian", and its authors' program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from backend.portrait.field import ChannelGatedField, Field
from backend.portrait.frame import PortraitFrame
from backend.portrait.gaussians import FACE, HAIR, ORAL
from backend.settings import LossWeights
from backend.train.data import Sample
from backend.train.loss import portrait_loss
from shared.camera import Intrinsics

GREEN = (0.0, 1.0, 0.0)
"""What lies behind a branch, drawn and recorded alike: a colour that no face has."""
HAIR_EVERY = 7
"""While the face moves, its hair is compared every so many steps: what the sound does not move should not learn from
it."""


@dataclass(frozen=True)
class BranchView:
    """What a branch is compared with."""

    target: Tensor
    """(S, S, 3) the recorded branch over green."""
    compared: Tensor
    """(S, S) where it is compared, 0 or 1."""
    covered: Tensor
    """(S, S) where the branch should cover what lies behind it, 0 or 1."""


def branch_view(sample: Sample, branch: str, with_hair: bool) -> BranchView:
    """The face: face and hair, without the inside of the mouth. The mouth (oral): the inside of the mouth; it covers
    the box about the lips, in which only that is compared."""
    regions = sample.regions
    if branch == "face":
        own = covered = regions[..., FACE] + regions[..., HAIR]
        hidden = torch.zeros_like(own) if with_hair else regions[..., HAIR]
    else:
        own = regions[..., ORAL]
        covered = torch.zeros_like(own)
        covered[sample.mouth] = 1.0
        hidden = (covered - own).abs()
    compared = 1 - hidden
    shown = (own * compared)[..., None]
    return BranchView(shown * sample.rgb + (1 - shown) * green_like(sample.rgb), compared, covered)


def green_like(picture: Tensor) -> Tensor:
    """(S, S, 3) green, on the device of a picture."""
    green = torch.zeros_like(picture)
    green[..., GREEN.index(1.0)] = 1.0
    return green


def branch_loss(
    frame: PortraitFrame[Tensor], sample: Sample, branch: str, moves: bool, step: int, weights: LossWeights
) -> Tensor:
    """L1 and one minus SSIM of a branch drawn by itself; once it moves, also the share of its region that it does not
    cover, and of the rest that it does, by the weight of the mattes."""
    view = branch_view(sample, branch, with_hair=not moves or step % HAIR_EVERY == 0)
    seen = PortraitFrame(frame.rgb * view.compared[..., None], frame.alpha * view.compared, frame.depth, None)
    target = replace(sample, rgb=view.target, background=green_like(sample.rgb))
    loss = portrait_loss(seen, target, True, weights, 0.0)
    if moves:
        uncovered, beyond = (1 - frame.alpha) * view.covered, frame.alpha * (1 - view.covered)
        loss = loss + weights.mattes * (uncovered.mean() + beyond.mean())
    return loss


def attention_loss(field: Field, means: Tensor, camera_from_head: Tensor, sample: Sample, step: int) -> Tensor:
    """Mean gate of the expression at those of the face's Gaussians, `means` (N, 3) head cm, that are seen in the box
    about the lips; where the hair is compared, also of both drives at those that are seen in the hair. 0 for a field
    whose drives are not gated so."""
    if not isinstance(field, ChannelGatedField) or not field.has_gates:
        return means.new_zeros(())
    column, row = pixels_of(means.detach(), camera_from_head, sample.intrinsics)
    rows, columns = sample.mouth
    on_lips = (row >= rows.start) & (row < rows.stop) & (column >= columns.start) & (column < columns.stop)
    speech, expression = field.attention(means)
    total = _mean(expression, on_lips)
    if step % HAIR_EVERY == 0:
        in_hair = sample.regions[row, column, HAIR] > 0.5
        total = total + _mean(expression, in_hair) + _mean(speech, in_hair)
    return total


def pixels_of(means: Tensor, camera_from_head: Tensor, intrinsics: Intrinsics) -> tuple[Tensor, Tensor]:
    """(N,), (N,) int64 column and row of the pixels in which points (N, 3), head cm, are seen, the nearest in the
    picture."""
    seen = means @ camera_from_head[:3, :3].T + camera_from_head[:3, 3]
    column = intrinsics.fx * seen[:, 0] / seen[:, 2] + intrinsics.cx
    row = intrinsics.fy * seen[:, 1] / seen[:, 2] + intrinsics.cy
    return column.long().clamp(0, intrinsics.width - 1), row.long().clamp(0, intrinsics.height - 1)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean of values (N,) where a mask (N,) is set; 0 where it is set nowhere."""
    weight = where.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1.0)
