"""A portrait in its model folder: weights as safetensors, all else in config.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from backend.portrait.frame import PortraitSizes
from backend.portrait.portrait import Portrait
from backend.settings import PortraitSettings
from backend.subject.model_folder import ModelFolder
from shared.errors import InputError
from shared.files import replacing

SCHEMA = 2
"""1: the torso is driven by the head's motion only."""


def save_portrait(portrait: Portrait, model: ModelFolder) -> None:
    """Write weights and config.json into a model folder. Raises OSError, InputError when they cannot be written."""
    model.make()
    with replacing(model.weights_file) as temporary:
        save_file({name: value.contiguous() for name, value in portrait.state_dict().items()}, temporary)
    model.update_config(
        {
            "schema": SCHEMA,
            "settings": asdict(portrait.settings),
            "sizes": asdict(portrait.counted_sizes()),
            "curve_names": list(portrait.curve_names),
            "camera": portrait.camera,
            "trained_size": portrait.trained_size,
            "distances_cm": portrait.distances_cm,
            "fps": portrait.fps,
        }
    )


def open_portrait(model: ModelFolder) -> Portrait:
    """Open a model, ready to draw. Raises InputError if it is missing, damaged or too new."""
    config = model.config()
    try:
        if config["schema"] > SCHEMA:
            raise InputError(f"{model.path} was written by a newer version.", "Update M2DAO-Talker.")
        known = {f.name for f in fields(PortraitSettings)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in config["settings"].items()
            if key in known
        }
        settings, sizes = PortraitSettings(**values), PortraitSizes(**config["sizes"])
        portrait = Portrait(settings, sizes, tuple(config["curve_names"]))
        portrait.camera, portrait.fps = config["camera"], float(config["fps"])
        portrait.trained_size = trained_size(config)
        portrait.distances_cm = distances_cm(config)
        portrait.load_state_dict(load_file(model.weights_file))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"The model in {model.path} cannot be read ({error}).", "Train it again.") from error
    return portrait.eval()


def distances_cm(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """The nearest and the farthest that a model with this config.json had its camera when it learned, cm; None for one
    that does not tell. Raises ValueError or TypeError for what is no such pair."""
    given = config.get("distances_cm")
    if given is None:
        return None
    nearest, farthest = (float(value) for value in given)
    if not 0 < nearest <= farthest < math.inf:
        raise ValueError(f"distances_cm is {given}, expected the nearest and the farthest in cm")
    return nearest, farthest


def trained_size(config: Mapping[str, Any]) -> int | None:
    """Side of the pictures that a model with this config.json learned from, px; None where that is not told.

    Models from before the entry `trained_size` have it among the settings of their training, once that was finished.
    Raises ValueError or TypeError for one that is no size.
    """
    size = config.get("trained_size") or config.get("training", {}).get("settings", {}).get("size")
    if size is None:
        return None
    if int(size) < 1:
        raise ValueError(f"trained_size is {size}, expected px above 0")
    return int(size)
