"""How the number of Gaussians changes while they learn: cloned and split where the loss pulls at them, removed where
they are not seen. Adam's moments follow them.

Kerbl et al. 2023 ("3D Gaussian Splatting"), section 5.2, as TalkingGaussian (Li et al. 2024) and its authors' program
do it. The only file in which parameters change their length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from backend.portrait.gaussians import GaussianSet
from backend.portrait.portrait import Portrait
from backend.rotations import to_matrix
from backend.settings import DensifySettings
from backend.train import stages
from backend.train.draws import Draw, generator
from shared.camera import Intrinsics

SPLIT_INTO = 2
SHRINK = 1.6
"""The parts of a split Gaussian are smaller by this factor."""
LEAST = 64
"""So many of a set always stay: the most opaque."""
LARGE_AFTER_STEPS = 3000
LARGE_ON_SCREEN = 20 / 512
"""After so many steps of a set's own learning, Gaussians vanish whose radius (three deviations) is a larger share of
the picture's width than this,"""
LARGE_SHARE = 0.1
"""or whose deviation is a larger share of the camera's extent."""
GREEN_FACE, GREEN_ORAL = (30 / 255, 225 / 255), (20 / 255, 235 / 255)
"""Gaussians with less red and blue, and more green, than this show what lies behind a branch (branches.GREEN)."""
FADED_OPACITY, FADED_SHRINK = 0.1, 10.0
"""The mouth's green ones become so opaque, and smaller by this factor; the face's vanish."""


class Densifier:
    """Watches what pulls at the Gaussians of face and mouth, and changes their numbers now and then.

    What it has seen since the last change is part of a run's state: `tensors` and `restore`. Its draws depend on seed
    and step alone.
    """

    def __init__(self, portrait: Portrait, settings: DensifySettings, extent_cm: float, seed: int) -> None:
        """extent_cm: as `camera_extent`."""
        self._portrait, self._settings, self._extent, self._seed = portrait, settings, extent_cm, seed
        self._seen = {name: _Seen(len(getattr(portrait, name)), portrait.rest_pose.device) for name in _SETS}

    def after_step(
        self,
        optimiser: torch.optim.Optimizer,
        schedule: list[stages.Stage],
        progress: float,
        step: int,
        camera_from_head: Tensor,
        intrinsics: Intrinsics,
    ) -> None:
        """Take note of the gradients of step `step`, at `progress` in [0, 1] of the run, and change the numbers of
        those sets that are due. camera_from_head (4, 4), intrinsics: of the frame that was drawn, at its whole size."""
        settings = self._settings
        for number, (name, group) in enumerate(_SETS.items()):
            gaussians: GaussianSet = getattr(self._portrait, name)
            own = stages.own_progress(schedule, group, progress)
            if gaussians.means.grad is None or own > settings.until:
                continue
            seen = self._seen[name]
            seen.add(screen_gradient(gaussians, camera_from_head, intrinsics))
            if seen.steps <= settings.first or seen.steps % settings.every:
                continue
            rng = generator(self._seed, step, Draw.NUMBER, number)
            opacity = settings.opacity_first + (settings.opacity_last - settings.opacity_first) * own / settings.until
            threshold = settings.face_gradient if name == "face" else settings.oral_gradient
            split_cm = settings.split_share * self._extent
            multiply(gaussians, optimiser, seen.mean, threshold, split_cm, settings.most, rng)
            doomed = gaussians.opacities.detach() < opacity
            if seen.steps > LARGE_AFTER_STEPS:
                doomed |= self._large(gaussians, camera_from_head, intrinsics)
            if name == "face":
                doomed |= _green(gaussians, *GREEN_FACE)
            else:
                _fade(gaussians, _green(gaussians, *GREEN_ORAL))
            remove(gaussians, optimiser, doomed)
            self._seen[name] = _Seen(len(gaussians), gaussians.means.device, seen.steps)
            self._portrait.train()  # forgets what was read at places that are no more

    def _large(self, gaussians: GaussianSet, camera_from_head: Tensor, intrinsics: Intrinsics) -> Tensor:
        deviation = gaussians.log_scales.detach().amax(dim=1).exp()
        depth = gaussians.means.detach() @ camera_from_head[2, :3] + camera_from_head[2, 3]
        on_screen = 3 * deviation * intrinsics.fx / depth / intrinsics.width
        return (on_screen > LARGE_ON_SCREEN) | (deviation > LARGE_SHARE * self._extent)

    def tensors(self) -> dict[str, Tensor]:
        """What was seen since the last changes."""
        return {f"{name}.{key}": value for name, seen in self._seen.items() for key, value in seen.tensors().items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        for name, seen in self._seen.items():
            seen.restore({key: tensors[f"{name}.{key}"] for key in seen.tensors()})


_SETS = {"face": stages.FACE_SHAPE, "oral": stages.ORAL_SHAPE}
"""The sets whose numbers change, and the parameter groups that say whether they learn."""


class _Seen:
    """Gradients of one set since its number changed last."""

    def __init__(self, count: int, device: torch.device, steps: int = 0) -> None:
        """steps: of the set's own learning so far."""
        self._total, self._times = torch.zeros(count, device=device), torch.zeros(count, device=device)
        self.steps = steps

    def add(self, gradient: Tensor) -> None:
        """gradient (N,); 0 where a Gaussian was not seen."""
        self._total += gradient
        self._times += gradient > 0
        self.steps += 1

    @property
    def mean(self) -> Tensor:
        """(N,) over the steps in which each was seen."""
        return self._total / self._times.clamp_min(1.0)

    def tensors(self) -> dict[str, Tensor]:
        return {"total": self._total, "times": self._times, "steps": torch.tensor(self.steps)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        device = self._total.device
        self._total, self._times = tensors["total"].to(device), tensors["times"].to(device)
        self.steps = int(tensors["steps"])


def camera_extent(poses: np.ndarray) -> float:
    """The distance that the camera covers about the head, cm: 1.1 times the largest from the middle of its places, seen
    from the head. poses: (T, 4, 4) camera_from_head."""
    places = -np.einsum("tji,tj->ti", poses[:, :3, :3], poses[:, :3, 3])
    return 1.1 * float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())


def screen_gradient(gaussians: GaussianSet, camera_from_head: Tensor, intrinsics: Intrinsics) -> Tensor:
    """(N,) length of the loss's gradient by a Gaussian's place on screen, half the picture's sides being 1.

    From the gradient of its place in space: a move across the view by one at depth z is one of focal length / z on
    screen. What a move changes beside the place (the splat's shape, at the picture's edges) is counted with it.
    """
    gradient = gaussians.means.grad
    if gradient is None:
        raise ValueError("these Gaussians had no gradient")
    across = gradient @ camera_from_head[:2, :3].T
    depth = gaussians.means.detach() @ camera_from_head[2, :3] + camera_from_head[2, 3]
    column = across[:, 0] * (intrinsics.width / 2 / intrinsics.fx)
    row = across[:, 1] * (intrinsics.height / 2 / intrinsics.fy)
    return depth * column.hypot(row)


@torch.no_grad()
def multiply(
    gaussians: GaussianSet,
    optimiser: torch.optim.Optimizer,
    gradient: Tensor,
    threshold: float,
    split_cm: float,
    most: int,
    rng: np.random.Generator,
) -> None:
    """Split those whose gradient (N,) is at least the threshold and whose deviation is over split_cm; clone the others
    of them. The set does not grow beyond `most`: the strongest gradients come first."""
    hot = gradient >= threshold
    room = max(most - len(gaussians), 0)
    if int(hot.sum()) > room:
        chosen = torch.argsort(torch.where(hot, gradient, -1.0), descending=True, stable=True)[:room]
        hot = torch.zeros_like(hot).index_fill(0, chosen, True)
    wide = gaussians.log_scales.amax(dim=1).exp() > split_cm
    split, clone = (hot & wide).nonzero()[:, 0], (hot & ~wide).nonzero()[:, 0]
    parts = split.repeat(SPLIT_INTO)
    kept = (~(hot & wide)).nonzero()[:, 0]
    take_rows(gaussians, optimiser, torch.cat((kept, clone, parts)), len(kept))
    if len(parts):
        own = slice(-len(parts), None)
        turn = to_matrix(gaussians.rotations[own].double().cpu().numpy())
        deviation = gaussians.log_scales[own].double().exp().cpu().numpy()
        shift = turn @ (deviation * rng.standard_normal(deviation.shape))[..., None]
        gaussians.means[own] += torch.from_numpy(shift[..., 0]).to(gaussians.means)
        gaussians.log_scales[own] -= math.log(SHRINK)


@torch.no_grad()
def remove(gaussians: GaussianSet, optimiser: torch.optim.Optimizer, doomed: Tensor) -> None:
    """Remove those where a mask (N,) is set, but for the most opaque ones if fewer than LEAST would stay."""
    kept = (~doomed).nonzero()[:, 0]
    if len(kept) < LEAST:
        kept = torch.argsort(gaussians.opacity_logits, descending=True, stable=True)[:LEAST].sort().values
    take_rows(gaussians, optimiser, kept, len(kept))


@torch.no_grad()
def take_rows(gaussians: GaussianSet, optimiser: torch.optim.Optimizer, rows: Tensor, old: int) -> None:
    """Make a set of rows (M,) of itself, with Adam's moments; those after the first `old` begin without moments.

    Its parameters become other ones, in the optimiser too: autograd keeps the length that a parameter had.
    """
    for name, parameter in list(gaussians.named_parameters(recurse=False)):
        other = nn.Parameter(parameter.detach()[rows], parameter.requires_grad)
        setattr(gaussians, name, other)
        for group in optimiser.param_groups:
            group["params"] = [other if parameter is given else given for given in group["params"]]
        moments = optimiser.state.pop(parameter, None)
        if moments:
            for key in ("exp_avg", "exp_avg_sq"):
                moments[key] = moments[key][rows]
                moments[key][old:] = 0.0
            optimiser.state[other] = moments
    gaussians.mattes = gaussians.mattes[rows]


@torch.no_grad()
def _green(gaussians: GaussianSet, others: float, green: float) -> Tensor:
    """(N,) which have less red and blue than `others`, and more green than `green`."""
    colours = gaussians.colours
    return (colours[:, 0] < others) & (colours[:, 1] > green) & (colours[:, 2] < others)


@torch.no_grad()
def _fade(gaussians: GaussianSet, which: Tensor) -> None:
    logit = math.log(FADED_OPACITY / (1 - FADED_OPACITY))
    gaussians.opacity_logits.masked_fill_(which, logit)
    gaussians.log_scales.sub_(which[:, None] * math.log(FADED_SHRINK))
