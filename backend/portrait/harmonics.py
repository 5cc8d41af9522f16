"""Colours that change with the direction of view: spherical harmonics on the logits of a set's colours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from backend.portrait.gaussians import GaussianSet
from backend.raster.spherical_harmonics import basis

SHAPE = 9
"""Outputs of a field before those that change colour (field.deform)."""
LOGIT_PER_COLOUR = 4.0
"""The slope of the logit at medium grey: coefficients have the size that they have where colours are no logits."""


def shaded(gaussians: GaussianSet, change: Tensor | None, camera_from_head: Tensor) -> Tensor | None:
    """A field's change (N, 3, 6, 9 or 12) of a set, None for no change, with what the set's harmonics add to its
    colours (N, 12); as it is for a set that has none. camera_from_head (4, 4): the head's pose."""
    if gaussians.harmonics is None:
        return change
    means = gaussians.means.detach()
    if change is None:
        change = means.new_zeros(len(means), SHAPE)
    whole = functional.pad(change, (0, SHAPE + 3 - change.shape[1]))
    rotation, shift = camera_from_head[:3, :3], camera_from_head[:3, 3]
    direction = functional.normalize(means + shift @ rotation, dim=1)
    values = basis(direction, gaussians.harmonics.shape[1] + 1)[:, 1:]
    light = LOGIT_PER_COLOUR * torch.einsum("nk,nkc->nc", values, gaussians.harmonics)
    return torch.cat((whole[:, :SHAPE], whole[:, SHAPE:] + light), dim=1)
