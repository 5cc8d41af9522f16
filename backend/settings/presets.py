"""Presets of training, and the settings of a training by preset and recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.settings.portrait import PortraitSettings
from backend.settings.published import PUBLISHED, as_published
from backend.settings.train import TrainSettings, ViewSettings
from backend.settings.tree import with_changes
from shared import choices
from shared.errors import InputError
from shared.training import Start

PRESETS: dict[str, TrainSettings] = {
    "draft": TrainSettings(preset="draft"),
    "standard": TrainSettings(
        preset="standard",
        size=1024,
        steps=12000,
        views=ViewSettings(coarse_size=192),
        portrait=PortraitSettings(
            head_gaussians=10000, torso_gaussians=4000, facial_planes=(16, 32, 64), poses="rendered"
        ),
    ),
    "film": TrainSettings(
        preset="film",
        size=2048,
        steps=30000,
        views=ViewSettings(coarse_size=256, crop=320),
        holdout=0,
        portrait=PortraitSettings(
            head_gaussians=20000, torso_gaussians=8000, facial_planes=(16, 32, 64, 128), poses="rendered"
        ),
    ),
}
"""Presets by name: draft to see whether it works, standard for work, film for the final (it trains on all frames).
All learn from frames as large as they are stored, up to their size; all but draft from poses by rendering."""


def train_settings(
    preset: str = choices.COMMAND_PRESET,
    recipe: str = choices.RECIPE,
    steps: int | None = None,
    minutes: float | None = None,
    **overrides: Any,
) -> TrainSettings:
    """A preset with a recipe applied and fields of TrainSettings replaced; a dict replaces fields of a nested one.

    `steps` ends a training after that many steps, `minutes` after that much time; without either the preset says how
    long it lasts. Raises InputError for an unknown preset or recipe, or a value that does not fit.
    """
    return _train_settings("", preset, recipe, steps, minutes, overrides)


def train_settings_of_run(given: Mapping[str, Any]) -> TrainSettings:
    """`train_settings` from one dict, for the stage train of `run`: interrupted runs are resumed.

    Names in errors begin with "train.".
    """
    own: dict[str, Any] = {"preset": choices.COMMAND_PRESET, "recipe": choices.RECIPE, "steps": None, "minutes": None}
    overrides = {"start": Start.AUTO} | {name: value for name, value in given.items() if name not in own}
    own |= {name: value for name, value in given.items() if name in own}
    return _train_settings("train", own["preset"], own["recipe"], own["steps"], own["minutes"], overrides)


def _train_settings(
    within: str, preset: str, recipe: str, steps: int | None, minutes: float | None, overrides: Mapping[str, Any]
) -> TrainSettings:
    if preset not in tuple(PRESETS):  # a job may name anything, a list too
        raise InputError(f"There is no preset {preset!r}.", f"Choose one of {', '.join(PRESETS)}.")
    if recipe not in choices.RECIPES:
        raise InputError(f"There is no recipe {recipe!r}.", f"Choose one of {', '.join(choices.RECIPES)}.")
    if isinstance(overrides.get("portrait"), Mapping) and "recipe" in overrides["portrait"]:
        raise InputError("portrait.recipe follows from the recipe.", "Choose it with --recipe.")
    settings = with_changes(_with_recipe(PRESETS[preset], recipe), overrides, within)
    if steps is not None:
        settings = with_changes(settings, {"steps": steps, "more_for_long": False, "minutes": None}, within)
    if minutes is not None:
        settings = with_changes(settings, {"minutes": minutes}, within)
    if settings.densify.every and settings.portrait.jaw_link:
        raise InputError(
            "The jaw link watches certain Gaussians: their number cannot change.",
            "Set portrait.jaw_link=false, or densify.every=0.",
        )
    if settings.holdout == 1:
        raise InputError(f"A holdout of {settings.holdout} leaves nothing to train on.", "Use 11, or 0 for none.")
    if settings.holdout_fold is not None and settings.holdout_fold > settings.holdout:
        raise InputError(
            f"There is no part {settings.holdout_fold} of {settings.holdout} to keep out.",
            "Choose one from 1 to the number of parts (--holdout).",
        )
    return settings


def _with_recipe(settings: TrainSettings, recipe: str) -> TrainSettings:
    if recipe == choices.RECIPE:
        return settings
    if recipe == PUBLISHED:
        return as_published(settings)
    portrait = replace(
        settings.portrait, recipe=recipe, drive="audio", own_audio=True, field="net", jaw_link=False,
        torso_gaussians=0, face_colour_moves=False,
    )  # fmt: skip
    return replace(settings, portrait=portrait, alternate=False, annealing="branch")
