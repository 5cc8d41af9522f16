"""One Adam over named parameter groups, with rates that fall along a cosine and groups that can be frozen."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from backend.kernels.adam import Adam
from backend.portrait.portrait import Portrait
from backend.settings import LearningRates, TrainSettings
from backend.train import stages

ADAM_EPSILON = 3e-8
"""The loss is a mean over all pixels, so gradients of single Gaussians are tiny, and far tinier for one of which only
the tail is in the picture. With the usual 1e-15 even that one moves at full speed: it grows and takes on colours that
become visible under new poses.
"""


def parameter_groups(portrait: Portrait, rates: LearningRates) -> list[dict]:
    """Adam's groups: `params`, `name` (the stage's group), `base_rate`. Every parameter is in exactly one."""
    groups: list[dict] = []

    def add(name: str, rate: float, parameters: list[nn.Parameter]) -> None:
        if parameters:
            groups.append({"params": parameters, "name": name, "base_rate": rate, "lr": rate})

    parts = (
        (portrait.face, stages.FACE_SHAPE, stages.FACE_LOOK),
        (portrait.oral, stages.ORAL_SHAPE, stages.ORAL_LOOK),
        (portrait.torso, stages.TORSO_SHAPE, stages.TORSO_LOOK),
    )
    for gaussians, shape, look in parts:
        if len(gaussians):
            add(shape, rates.position, [gaussians.means])
            add(shape, rates.rotation, [gaussians.rotations])
            add(shape, rates.scale, [gaussians.log_scales])
            add(look, rates.opacity, [gaussians.opacity_logits])
            add(look, rates.colour, [gaussians.colour_logits])
    motions: list[tuple[str, nn.Module | None]] = [
        (stages.FACIAL_FIELD, portrait.facial_field),
        (stages.ORAL_FIELD, portrait.oral_field),
        (stages.TORSO_FIELD, portrait.torso_motion),
    ]
    for name, module in motions:
        if module is not None:
            named = list(module.named_parameters())
            add(name, rates.planes, [value for key, value in named if "encoder.levels" in key])
            add(name, rates.nets, [value for key, value in named if "encoder.levels" not in key])
    if portrait.audio is not None:
        add(stages.AUDIO, rates.audio, list(portrait.audio.parameters()))
    if portrait.oral_audio is not None:
        add(stages.ORAL_AUDIO, rates.audio, list(portrait.oral_audio.parameters()))
    return groups


def make_optimiser(portrait: Portrait, rates: LearningRates) -> torch.optim.Adam:
    """Adam over `parameter_groups`."""
    return Adam(parameter_groups(portrait, rates), ADAM_EPSILON)


def parameter_names(portrait: Portrait) -> dict[Tensor, str]:
    """Every parameter's name in the portrait."""
    return {parameter: name for name, parameter in portrait.named_parameters()}


def set_rates(
    optimiser: torch.optim.Optimizer, progress: float, settings: TrainSettings, schedule: list[stages.Stage]
) -> None:
    """Set every group's rate for the step at `progress` in [0, 1] of a run with the stages `schedule`: a cosine from
    its base rate to the final share of it, over the whole run or over the group's own stages (`settings.annealing`)."""
    for group in optimiser.param_groups:
        own = stages.own_progress(schedule, group["name"], progress) if settings.annealing == "branch" else progress
        group["lr"] = group["base_rate"] * cosine(own, settings.rates.final_share)


def cosine(progress: float, final_share: float) -> float:
    """Falls from 1 at progress 0 to `final_share` at 1."""
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def freeze_all_but(optimiser: torch.optim.Optimizer, learns: tuple[str, ...]) -> None:
    """Let the named groups learn; the others keep their values and their moments."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(group["name"] in learns)
