"""A cache of what fields read at the canonical positions."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.portrait.field import Field
from backend.portrait.gaussians import GaussianSet


class CanonicalReads:
    """Changes of Gaussians by their fields.

    While nothing that a field reads is being trained (when drawing, or in the other field's block), it is read once.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple, Tensor]] = {}

    def forget(self) -> None:
        """Empty the cache."""
        self._kept.clear()

    def change(self, name: str, field: Field, gaussians: GaussianSet, drive: Tensor) -> Tensor:
        """(N, outputs) of a field at its Gaussians under a drive (D,); `name` tells the fields apart."""
        sources = (gaussians.means, *field.parameters())
        if torch.is_grad_enabled() and any(source.requires_grad for source in sources):
            return field.change(gaussians.means, drive)
        # Every write in place, by an optimiser or from a checkpoint, raises a tensor's version.
        state = tuple((id(source), source._version) for source in sources)
        kept = self._kept.get(name)
        if kept is None or kept[0] != state:
            kept = self._kept[name] = (state, field.read(gaussians.means))
        return field.pose(kept[1], drive)
