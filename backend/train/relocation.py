"""Gaussians that show nothing are moved to where the picture is wrong.

The number of Gaussians stays; where they are follows the error. After Kheradmand et al. 2024 ("3D Gaussian Splatting as
Markov Chain Monte Carlo"), who move dead Gaussians onto living ones so that the picture stays nearly the same. Which
Gaussian needs another one beside it is told as in Kerbl et al. 2023 ("3D Gaussian Splatting"): by the gradient of its
position, which is large where one Gaussian has to be in two places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.portrait.gaussians import GaussianSet
from backend.portrait.portrait import Portrait
from backend.rotations import to_matrix
from backend.settings import RelocationSettings
from backend.train.draws import Draw, generator

APART = 0.5
"""Half of the distance between the two of a pair, in standard deviations of the one that was there."""
SHORTER = 0.7
"""How long each is along that line, as a share of what the one was."""
FILLING = 1.14
"""How much more opaque each is than two in the same place would have to be: their middle then stays within a tenth as
opaque, and their outline too."""
MOST_OPAQUE = 0.99


class Relocation:
    """Watches the Gaussians of a portrait learn, and moves the faint ones now and then.

    What it has seen since the last move is part of a run's state: `tensors` and `restore`. Its draws depend on seed and
    step alone.
    """

    def __init__(self, portrait: Portrait, settings: RelocationSettings, seed: int) -> None:
        self._settings = settings
        # Gaussians whose motion drives the mouth stay where they are.
        lips = None if portrait.jaw is None else portrait.jaw.lips
        parts = {"face": (portrait.face, lips), "oral": (portrait.oral, None), "torso": (portrait.torso, None)}
        self._parts = {
            name: _Part(gaussians, settings, seed, number, keep)
            for number, (name, (gaussians, keep)) in enumerate(parts.items())
            if len(gaussians)
        }

    def after_step(self, optimiser: torch.optim.Optimizer, progress: float, step: int) -> int:
        """Take note of the gradients of step `step`, at `progress` in [0, 1] of the run, and move Gaussians when it is
        time; returns how many were moved."""
        self.watch()
        return self.move(optimiser, step) if self.is_due(progress, step) else 0

    def watch(self, share: Tensor | float = 1.0) -> None:
        """Take note of the gradients of a step; a `share` of 0 leaves them out."""
        for part in self._parts.values():
            part.watch(share)

    def is_due(self, progress: float, step: int) -> bool:
        """Whether Gaussians are moved after step `step`."""
        settings = self._settings
        return (step + 1) % settings.every == 0 and settings.begin <= progress < settings.end

    def move(self, optimiser: torch.optim.Optimizer, step: int) -> int:
        """Move Gaussians after step `step`; returns how many were moved."""
        return sum(part.move(optimiser, step) for part in self._parts.values())

    def tensors(self) -> dict[str, Tensor]:
        """What was seen since the last move."""
        return {f"{name}.need": part.need for name, part in self._parts.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        for name, part in self._parts.items():
            part.need.copy_(tensors[f"{name}.need"])


class _Part:
    """One set of Gaussians: watched while it learns."""

    def __init__(
        self, gaussians: GaussianSet, settings: RelocationSettings, seed: int, number: int, keep: Tensor | None
    ) -> None:
        """number: of the part; keep: (K,) indices of Gaussians that are never moved, because others count on where they
        are."""
        self._gaussians, self._settings = gaussians, settings
        self._seed, self._number = seed, number
        self._movable = np.ones(len(gaussians), bool)
        if keep is not None:
            self._movable[keep.cpu().numpy()] = False
        self.need = torch.zeros(len(gaussians), device=gaussians.means.device)
        """(N,) how much each was pulled about since the last move: sum of its position gradients' lengths."""

    @torch.no_grad()
    def watch(self, share: Tensor | float = 1.0) -> None:
        """Count a share of the gradients of a step; call it after backward and before they are dropped."""
        if self._gaussians.means.grad is not None:
            self.need += share * torch.linalg.vector_norm(self._gaussians.means.grad, dim=1)

    @torch.no_grad()
    def move(self, optimiser: torch.optim.Optimizer, step: int) -> int:
        """Move faint Gaussians beside needy ones, forget what was counted; returns how many were moved.

        `step` and the seed draw which ones are joined, with a chance that grows with their need.
        """
        moved, joined = self._choose(generator(self._seed, step, Draw.MOVE, self._number))
        if len(moved):
            self._pair(
                torch.from_numpy(moved).to(self.need.device), torch.from_numpy(joined).to(self.need.device), optimiser
            )
        self.need.zero_()
        return len(moved)

    def _choose(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the faint ones that are moved, the faintest first, and of those that they join."""
        opacity = self._gaussians.opacities.cpu().numpy()
        faint = opacity < self._settings.faint
        chance = np.where(faint, 0.0, self.need.cpu().numpy().astype(np.float64))
        movable = faint & self._movable
        count = min(int(self._settings.share * len(faint)), int(movable.sum()), int((chance > 0).sum()))
        if not count:
            return np.arange(0), np.arange(0)
        order = np.argsort(opacity, kind="stable")
        return order[movable[order]][:count], rng.choice(len(faint), count, replace=False, p=chance / chance.sum())

    def _pair(self, moved: Tensor, joined: Tensor, optimiser: torch.optim.Optimizer) -> None:
        """Make a pair of each Gaussian and the one that joins it, on either side of where it was along its longest
        axis: shorter along that, and together about as opaque as it was."""
        g = self._gaussians
        scales, axis = g.log_scales[joined].exp().max(dim=1)
        turned = functional.normalize(g.rotations[joined], dim=1).double().cpu().numpy()
        along = to_matrix(turned)[np.arange(len(turned)), :, axis.cpu().numpy()]
        offset = APART * scales[:, None] * torch.from_numpy(along).to(g.means)
        shorter = functional.one_hot(axis, 3) * math.log(SHORTER)
        opacity = FILLING * (1 - torch.sqrt(1 - torch.sigmoid(g.opacity_logits[joined])))
        opacity_logits = torch.logit(opacity.clamp(max=MOST_OPAQUE))
        changed = {
            "means": (g.means[joined] - offset, g.means[joined] + offset),
            "log_scales": (g.log_scales[joined] + shorter,) * 2,
            "opacity_logits": (opacity_logits,) * 2,
        }
        for name, parameter in g.named_parameters(recurse=False):
            parameter[joined], parameter[moved] = changed.get(name, (parameter[joined],) * 2)
            moments = optimiser.state.get(parameter)
            if moments:
                moments["exp_avg"][torch.cat((moved, joined))] = 0.0
                moments["exp_avg_sq"][moved] = moments["exp_avg_sq"][joined]
        g.mattes[moved] = g.mattes[joined]
