"""The panel's settings as options: one table for the command line and for the functions of headless.py.

What an option takes, and what is said of it, is what `Scene.talker` says of the setting: nothing is written twice.
A test compares the table with the settings and with what the panel draws; what only a Blender with windows has a use
for is missing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..properties import TalkerSettings
from ..shared.errors import InputError


@dataclass(frozen=True)
class Option:
    """A setting of `Scene.talker` that can be given for one call."""

    setting: str
    flag: str
    verbs: tuple[str, ...]
    implies: Mapping[str, str] = field(default_factory=dict)
    """Settings that follow where this one is given."""
    constant: str | None = None
    """The flag takes no value and sets this one."""
    group: str = ""
    """Of the options of one group only one may be given."""


_SUBJECT = ("preprocess", "train", "evaluate", "render", "lines", "import", "run")
_FOOTAGE = ("preprocess", "run")
_TRAIN = ("train", "run")
_MODEL = ("train", "evaluate", "render", "lines", "run")
_LINE = ("render", "run")
_MANNER = ("render", "lines", "run")
_SHOT = ("import", "lines", "run")

OPTIONS = (
    Option("subject", "--subject", _SUBJECT),
    Option("footage", "--footage", ("preprocess", "render", "import", "lines", "run")),
    Option("consent", "--consent", _FOOTAGE),
    Option("footage_start", "--from", _FOOTAGE),
    Option("footage_end", "--until", _FOOTAGE),
    Option("footage_speaker", "--speaker", _FOOTAGE),
    Option("footage_track", "--sound-track", _FOOTAGE),
    Option("footage_sound", "--other-sound", _FOOTAGE),
    Option("correct_sound_offset", "--correct-sound-offset", _FOOTAGE),
    Option("footage_fps", "--frame-rate", _FOOTAGE),
    Option("footage_colour", "--footage-colour", _FOOTAGE),
    Option("frame_size", "--size", _FOOTAGE),
    Option("preset", "--preset", _TRAIN),
    Option("recipe", "--recipe", _MODEL),
    Option("model", "--model", _MODEL),
    Option("more_minutes", "--more", ("train",), group="start"),
    Option("line_strip", "--strip", _LINE, {"line_source": "STRIP"}, group="line"),
    Option("line_source", "--range", _LINE, constant="RANGE", group="line"),
    Option("line_file", "--audio", _LINE, {"line_source": "FILE"}, group="line"),
    Option("line_frame", "--frame", _LINE),
    Option("line_channel", "--channel", _MANNER),
    Option("dub", "--dub", _MANNER),
    Option("pose_mode", "--pose", _MANNER),
    Option("pose_object", "--pose-object", _MANNER, {"pose_mode": "OBJECT"}),
    Option("pose_file", "--pose-file", _MANNER, {"pose_mode": "FILE"}),
    Option("head_life", "--head-life", _MANNER),
    Option("face_life", "--face-life", _MANNER),
    Option("strength", "--strength", _MANNER),
    Option("use_performance", "--edited-curves", _MANNER),
    Option("use_direction", "--direction", _MANNER),
    Option("versions", "--versions", _MANNER),
    Option("output", "--output", _MANNER),
    Option("take", "--take", ("import", "export")),
    Option("take_frame", "--frame", ("import", "run")),
    Option("background", "--background", _SHOT),
    Option("pictures", "--pictures", _SHOT),
    Option("fit", "--fit", _SHOT),
    Option("active_camera", "--active-camera", _SHOT),
    Option("moving_head", "--moving-head", _SHOT),
    Option("match_scene", "--match-scene", _SHOT),
)
"""In the order of the panel's steps. Two with one flag are given together."""


def of_verb(verb: str) -> tuple[Option, ...]:
    """The options of a verb of the command, or of the function of headless.py that does the same."""
    return tuple(option for option in OPTIONS if verb in option.verbs)


def add_to(parser: argparse.ArgumentParser, verb: str, groups: Mapping[str, Any]) -> None:
    """Add a verb's options to its parser; groups: name to argparse's mutually exclusive group, made by the caller."""
    seen = set()
    for option in of_verb(verb):
        if option.flag in seen:
            continue
        seen.add(option.flag)
        _add(groups.get(option.group, parser), option)


def given(verb: str, parsed: argparse.Namespace) -> dict[str, Any]:
    """Setting to value, of the options that a command line names; paths as seen from the working folder."""
    values: dict[str, Any] = {}
    for option in of_verb(verb):
        value = getattr(parsed, _destination(option), None)
        if value is None:
            continue
        values[option.setting] = value
    return values


def apply(settings: TalkerSettings, verb: str, values: Mapping[str, Any]) -> None:
    """Put values over a scene's settings, with what follows from them.

    Choices may be written in small letters, paths are as seen from the working folder, an object by its name. Raises
    InputError for a setting that the verb does not have and for a value that it cannot take.
    """
    known = {option.setting: option for option in of_verb(verb)}
    for name in values:
        if name not in known:
            raise InputError(f"{verb} has no setting {name}.", f"It has: {', '.join(known)}.")
    for name in values:
        for other, choice in known[name].implies.items():
            if other not in values:
                setattr(settings, other, choice)
    for name, value in values.items():
        setattr(settings, name, _fitting(settings, known[name], value))


def _add(parser: Any, option: Option) -> None:
    described: Any = TalkerSettings.bl_rna.properties[option.setting]
    common: dict[str, Any] = {
        "dest": _destination(option),
        "default": None,
        "help": described.description.replace("%", "%%"),
    }
    if option.constant is not None:
        choice = described.enum_items[option.constant]
        parser.add_argument(
            option.flag, action="store_const", const=option.constant, **common | {"help": choice.description}
        )
    elif described.type == "BOOLEAN":
        parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, **common)
    elif described.type == "ENUM":
        choices = [item.identifier.lower() for item in described.enum_items]
        parser.add_argument(option.flag, type=str.lower, choices=choices, **common)
    else:
        kinds: dict[str, Any] = {"INT": (int, "N"), "FLOAT": (float, "F")}
        places = {"FILE_PATH": "FILE", "DIR_PATH": "DIR"}
        kind, shown = kinds.get(described.type, (str, places.get(described.subtype, "TEXT")))
        parser.add_argument(option.flag, type=kind, metavar=shown, **common)


def _destination(option: Option) -> str:
    return option.flag.lstrip("-").replace("-", "_") + "_option"


def _fitting(settings: TalkerSettings, option: Option, value: Any) -> Any:
    """A value as the setting takes it. Raises InputError where it cannot."""
    described: Any = settings.bl_rna.properties[option.setting]
    if described.type == "ENUM":
        known = {item.identifier.lower(): item.identifier for item in described.enum_items}
        if str(value).lower() not in known:
            raise InputError(f"{option.setting} cannot be {value!r}.", f"It can be: {', '.join(known)}.")
        return known[str(value).lower()]
    if described.type == "POINTER":
        if isinstance(value, str) and value not in bpy.data.objects:
            raise InputError(f"The file has no object {value}.", "Check its name.")
        return bpy.data.objects[value] if isinstance(value, str) else value
    if described.type in ("INT", "FLOAT") and not described.hard_min <= value <= described.hard_max:
        between = f"between {described.hard_min:g} and {described.hard_max:g}"
        raise InputError(f"{option.setting} cannot be {value:g}.", f"It can be {between}.")
    if described.subtype in ("FILE_PATH", "DIR_PATH") and value:
        return str(value) if str(value).startswith("//") else str(Path(value).resolve())
    return value
