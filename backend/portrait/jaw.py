"""The jaw link: the lips' motion in the facial deformation, as an input of the oral field."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class JawMotion(nn.Module):
    """The lips' vertical motion as a few numbers, so that the oral field follows the face that it sits in.

    After InsTaG (2025), which feeds its mouth net the extremes and the range of the face net's vertical motion.
    """

    width = 5
    lips: Tensor
    is_lower: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("lips", torch.arange(count))
        self.register_buffer("is_lower", torch.arange(count) % 2 == 0)

    def watch(self, points: Tensor, lips_cm: Tensor) -> None:
        """Watch those of the face's points (N, 3) that lie nearest to the lips' outline (L, 3), head cm."""
        points = points.detach()
        nearest = torch.cdist(points, lips_cm).amin(dim=1)
        self.lips.copy_(torch.argsort(nearest)[: len(self.lips)])
        rank = torch.argsort(torch.argsort(points[self.lips, 1]))
        self.is_lower.copy_(rank < len(rank) // 2)

    def forward(self, change: Tensor) -> Tensor:
        """(5,) mean of lower and upper lip, lowest, highest, range: cm; detached. `change` (N, >=3) of the face."""
        vertical = change.detach()[self.lips, 1]
        # As weights: selecting by a mask would make a GPU synchronise.
        of_lower = self.is_lower.to(vertical.dtype)
        of_upper = 1 - of_lower
        lower, upper = (vertical @ weight / weight.sum() for weight in (of_lower, of_upper))
        ordered = vertical.sort().values
        lowest, highest = _quantile(ordered, 0.05), _quantile(ordered, 0.95)
        return torch.stack((lower, upper, lowest, highest, highest - lowest))


def oral_drive(speech: Tensor, jaw: JawMotion | None, facial_change: Tensor | None) -> Tensor:
    """(D,) what drives the oral field: the speech components (S,), and the jaw's motion where there is a link."""
    if jaw is None or facial_change is None:
        return speech
    return torch.cat((speech, jaw(facial_change)))


def _quantile(ordered: Tensor, share: float) -> Tensor:
    """() as torch.quantile, which takes several times as long, of values (N,) in ascending order."""
    rank = share * (len(ordered) - 1)
    below, above = math.floor(rank), math.ceil(rank)
    return torch.lerp(ordered[below], ordered[above], rank - below)
