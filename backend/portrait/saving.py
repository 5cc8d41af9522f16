"""A portrait in its model folder: weights as safetensors, all else in config.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch

from backend.portrait.frame import PortraitSizes
from backend.portrait.portrait import Portrait
from backend.settings import PortraitSettings
from backend.subject.model_folder import ModelFolder, waiting_file
from backend.subject.weights import load_weights, save_weights
from shared.checked import build
from shared.errors import InputError

SCHEMA = 3
"""1: the torso is driven by the head's motion only. 3: the lips' own curves drive it, too; a model without them is
saved as a 2, which older versions open."""
_AGAIN = "Train it again."


def save_portrait(portrait: Portrait, model: ModelFolder, training: Mapping[str, Any] | None = None) -> None:
    """Make a portrait, and the voice that waits beside it, the model's, in one step; training: how it was trained.

    Raises OSError, InputError when its files cannot be written.
    """
    model.make()
    save_weights(waiting_file(model.weights_file), portrait.state_dict())
    record = {} if training is None else {"training": dict(training)}
    model.publish(
        record
        | {
            "schema": SCHEMA if portrait.settings.lip_curves else 2,
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
    config = model.config()  # first: it may give the weights their name
    weights, _ = load_weights(model.weights_file, _AGAIN)
    try:
        if config["schema"] > SCHEMA:
            raise InputError(f"{model.path} was written by a newer version.", "Update M2DAO-Talker.")
        known = {f.name for f in fields(PortraitSettings)}
        values = {key: value for key, value in config["settings"].items() if key in known}
        settings, sizes = build(PortraitSettings, values), build(PortraitSizes, config["sizes"])
        names = tuple(config["curve_names"])
        if len(names) != sizes.curves or len(set(names)) != len(names):
            raise ValueError(f"{len(names)} curve_names, expected {sizes.curves} that differ")
        portrait = Portrait(settings, sizes, names)
        portrait.camera, portrait.fps = _camera(config["camera"]), float(config["fps"])
        if not 0 < portrait.fps < math.inf:
            raise ValueError(f"fps is {portrait.fps}")
        portrait.trained_size = trained_size(config)
        portrait.distances_cm = distances_cm(config)
        portrait.load_state_dict(weights)
        broken = next((name for name, value in weights.items() if not torch.isfinite(value).all()), None)
        if broken is not None:
            raise ValueError(f"{broken} holds values that are not numbers")
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError) as error:
        raise InputError(f"The model in {model.path} cannot be read ({error}).", _AGAIN) from error
    return portrait.eval()


def _camera(given: Mapping[str, Any]) -> dict[str, float]:
    """The camera of a config.json: focal lengths and principal point, as shares of the picture's side. Raises KeyError,
    TypeError or ValueError for what is none."""
    values = {name: float(given[name]) for name in ("fx", "fy", "cx", "cy")}
    if not all(map(math.isfinite, values.values())) or min(values["fx"], values["fy"]) <= 0:
        raise ValueError(f"camera is {given}")
    return values


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
