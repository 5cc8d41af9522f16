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

POSITION, MOTION, STEADY = "position", "motion", "steady"
"""How rates of the published baseline fall: of Gaussians' positions, of fields and codes of the sound, of the rest."""


def parameter_groups(portrait: Portrait, rates: LearningRates) -> list[dict]:
    """Adam's groups: `params`, `name` (the stage's group), `base_rate`, `fall` (how the published baseline's rate
    falls). Every parameter is in exactly one."""
    groups: list[dict] = []

    def add(name: str, rate: float, parameters: list[nn.Parameter], fall: str = MOTION) -> None:
        if parameters:
            groups.append({"params": parameters, "name": name, "base_rate": rate, "lr": rate, "fall": fall})

    parts = (
        (portrait.face, stages.FACE_SHAPE, stages.FACE_LOOK, stages.FACE_LOOK),
        (portrait.oral, stages.ORAL_SHAPE, stages.ORAL_LOOK, stages.ORAL_OPACITY),
        (portrait.torso, stages.TORSO_SHAPE, stages.TORSO_LOOK, stages.TORSO_LOOK),
    )
    for gaussians, shape, look, opacity in parts:
        if len(gaussians):
            add(shape, rates.position, [gaussians.means], POSITION)
            add(shape, rates.rotation, [gaussians.rotations], STEADY)
            add(shape, rates.scale, [gaussians.log_scales], STEADY)
            add(opacity, rates.opacity, [gaussians.opacity_logits], STEADY)
            add(look, rates.colour, [gaussians.colour_logits], STEADY)
            if gaussians.harmonics is not None:
                add(look, rates.harmonics, [gaussians.harmonics], STEADY)
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
    for name, audio in ((stages.AUDIO, portrait.audio), (stages.ORAL_AUDIO, portrait.oral_audio)):
        if audio is not None:
            attention = list(audio.attention.parameters())
            add(name, rates.audio, [*audio.convolution.parameters(), *audio.code.parameters()])
            add(name, rates.attention, attention)
    return groups


def make_optimiser(portrait: Portrait, rates: LearningRates) -> Adam:
    """Adam over `parameter_groups`."""
    return Adam(parameter_groups(portrait, rates), ADAM_EPSILON)


def parameter_names(portrait: Portrait) -> dict[Tensor, str]:
    """Every parameter's name in the portrait."""
    return {parameter: name for name, parameter in portrait.named_parameters()}


def set_rates(
    optimiser: torch.optim.Optimizer, progress: float, settings: TrainSettings, schedule: list[stages.Stage]
) -> None:
    """Set every group's rate for the step at `progress` in [0, 1] of a run with the stages `schedule`, as
    `settings.annealing` says."""
    for group in optimiser.param_groups:
        own = progress if settings.annealing == "run" else stages.own_progress(schedule, group["name"], progress)
        if settings.annealing == "published":
            share = as_published(group["fall"], own)
        else:
            share = cosine(own, settings.rates.final_share)
        group["lr"] = group["base_rate"] * share


def cosine(progress: float, final_share: float) -> float:
    """Falls from 1 at progress 0 to `final_share` at 1."""
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def as_published(fall: str, progress: float) -> float:
    """Share of its rate that a group of the published baseline has at `progress` in [0, 1] of its own learning:
    positions fall evenly in the logarithm to a hundredth, fields to a half in four fifths and to a tenth at the end,
    others not."""
    if fall == POSITION:
        return 0.01 ** min(1.0, progress / 0.9)
    if fall == MOTION:
        return 0.5 ** (progress / 0.8) if progress < 0.8 else 0.1**progress
    return 1.0


def freeze_all_but(optimiser: torch.optim.Optimizer, learns: tuple[str, ...]) -> None:
    """Let the named groups learn; the others keep their values and their moments."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(group["name"] in learns)
