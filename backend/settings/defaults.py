"""A studio's own defaults: settings from a file and from the environment, under what a command or a job says.

The file is TOML, named by TALKER_SETTINGS, with a table for each stage; a variable is TALKER_STAGE_NAME, with two
underscores for the point between a group and its field: TALKER_TRAIN_PORTRAIT__LIP_CURVES. Variables go before the
file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.settings.evaluate import EvaluateSettings
from backend.settings.preprocess import PreprocessSettings
from backend.settings.render import RenderSettings
from backend.settings.serve import ServeSettings
from backend.settings.tracking import SelfTrackingSettings
from backend.settings.train import TrainSettings
from backend.settings.tree import from_text, names, near_names, with_changes
from shared import choices
from shared.errors import InputError
from shared.files import read_text_file

FILE_VARIABLE = "TALKER_SETTINGS"
STAGES: dict[str, type] = {
    "preprocess": PreprocessSettings,
    "track": SelfTrackingSettings,
    "train": TrainSettings,
    "render": RenderSettings,
    "evaluate": EvaluateSettings,
    "serve": ServeSettings,
}
"""The stages that have settings."""
_PREFIX, _POINT = "TALKER_", "__"
_NO_FIELD = "train.recipe"
"""What chooses settings but is none."""
_LENGTHS = ("steps", "minutes")
"""Two ways to say how long a training is: one of them goes before the other, wherever it comes from."""


@dataclass(frozen=True)
class Default:
    """A setting that somebody has set for all commands and jobs."""

    value: Any
    source: str
    """The variable, or the file."""


def defaults_of(stage: str) -> dict[str, Default]:
    """What is set for a stage, by dotted names. Raises InputError for names and values that no setting has."""
    found = {name: Default(value, path) for name, value, path in _of_file(stage)}
    chosen = {name: Default(value, variable) for name, value, variable in _of_environment(stage)}
    if not chosen.keys().isdisjoint(_LENGTHS):
        found = {name: default for name, default in found.items() if name not in _LENGTHS}
    return found | chosen


def all_defaults() -> dict[str, Default]:
    """What is set for any stage, by names that begin with it. Raises InputError, also for variables and tables that are
    of no stage."""
    return {f"{stage}.{name}": default for stage in STAGES for name, default in defaults_of(stage).items()}


def not_given(stage: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are set for a stage and that a command or a job does not give; given: its settings, nested."""
    told = set(_flat(given))
    if not told.isdisjoint(_LENGTHS):
        told |= set(_LENGTHS)
    return {name: default.value for name, default in defaults_of(stage).items() if name not in told}


def _of_file(stage: str) -> Iterator[tuple[str, Any, str]]:
    path = os.environ.get(FILE_VARIABLE)
    if not path:
        return
    mend = f"Correct the file that {FILE_VARIABLE} names."
    try:
        tables = tomllib.loads(read_text_file(Path(path).expanduser(), mend))
        told = _flat(tables[stage]) if isinstance(tables.get(stage), dict) else {}
    except (ValueError, RuntimeError) as error:  # no TOML; nested too deeply; a home folder of nobody
        raise InputError(f"{path} is no TOML ({error}).", mend) from error
    unknown = sorted(set(tables) - set(STAGES))
    if unknown or not all(isinstance(table, dict) for table in tables.values()):
        raise InputError(f"{path} has {', '.join(unknown) or 'values'} outside of a stage.", f"Stages: {_stages()}.")
    for name, value in told.items():
        _require_fit(stage, name, value, path)
        yield name, value, path


def _of_environment(stage: str) -> Iterator[tuple[str, Any, str]]:
    begin = f"{_PREFIX}{stage.upper()}_"
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(begin) and text:
            name = variable[len(begin) :].lower().replace(_POINT, ".")
            if f"{stage}.{name}" == _NO_FIELD:
                _require_fit(stage, name, text, variable)
                yield name, text, variable
                continue
            _require_known(stage, name, variable)
            try:
                value = from_text(STAGES[stage], name, text)
            except InputError as error:
                raise InputError(f"{variable}: {error.what}", "Correct the variable, or take it away.") from error
            _require_fit(stage, name, value, variable)
            yield name, value, variable


def _require_known(stage: str, name: str, source: str) -> None:
    known = names(STAGES[stage])
    if name not in known:
        near = near_names(name, known)
        do = f"Did you mean {' or '.join(near)}?" if near else f"`talker settings {stage}` lists them."
        raise InputError(f"{source}: there is no setting {name!r} of {stage}.", do)


def _require_fit(stage: str, name: str, value: Any, source: str) -> None:
    """Raises InputError where a setting has no such value."""
    if f"{stage}.{name}" == _NO_FIELD:
        if value not in choices.RECIPES:
            raise InputError(f"{source}: there is no recipe {value!r}.", f"Choose one of {', '.join(choices.RECIPES)}.")
        return
    _require_known(stage, name, source)
    try:
        with_changes(STAGES[stage](), {name: value})
    except InputError as error:
        raise InputError(f"{source}: {error.what}", error.do) from error


def _flat(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Nested values by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{within}{name}.") if isinstance(value, Mapping) else {f"{within}{name}": value}
    return flat


def _stages() -> str:
    return ", ".join(STAGES)
