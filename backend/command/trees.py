"""The settings of each verb: their trees, what `run` means by a name, and what the studio has set of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backend.settings import (
    EvaluateSettings,
    PreprocessSettings,
    RenderSettings,
    RunSettings,
    SelfTrackingSettings,
    ServeSettings,
    TrainSettings,
)
from backend.settings.defaults import Default, all_defaults, defaults_of, not_given
from backend.settings.tree import entries, nested, with_changes
from shared.checked import field_types

TREES: dict[str, type] = {
    "preprocess": PreprocessSettings,
    "track": SelfTrackingSettings,
    "train": TrainSettings,
    "render": RenderSettings,
    "chunk": RenderSettings,
    "join": RenderSettings,
    "farm": RenderSettings,
    "evaluate": EvaluateSettings,
    "run": RunSettings,
    "serve": ServeSettings,
}
"""The settings of each verb that has some."""

NO_FIELDS = {"train": ("recipe",)}
"""Arguments that choose settings but are none of their fields."""
_ALIKE = ("engine", "threads", "seed", "models_dir")
"""Names that mean the same in every stage of `run` that has them."""
_MEANT = {"size": "preprocess", "audio_track": "preprocess", "model": "train", "strength": "render"}
"""Names that several stages have: the one that `run` means. train.size and the like reach the others."""


def stages_meant(name: str) -> tuple[str, ...]:
    """The stages of `run` that a setting's name without its stage is for; none for a name that no stage has."""
    if name in _MEANT:
        return (_MEANT[name],)
    having = tuple(stage for stage in field_types(RunSettings) if name in known(stage))
    return having if name in _ALIKE else having[:1]


def known(verb: str) -> tuple[str, ...]:
    """The names at the first level of a verb's settings."""
    return (*field_types(TREES[verb]), *NO_FIELDS.get(verb, ()))


def with_studio_defaults(verb: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A verb's settings, nested, with those beside them that the studio has set. What is drawn in chunks goes by what
    the farm's job says, on every machine. Raises InputError, Unfit."""
    if verb in ("chunk", "join"):
        return dict(given)
    if verb != "run":
        return nested(given, not_given(verb, given))
    stages = field_types(RunSettings)
    if any(name in stages and not isinstance(value, Mapping) for name, value in given.items()):
        return dict(given)  # which is refused
    told: dict[str, dict[str, Any]] = {stage: dict(given.get(stage, {})) for stage in stages}
    for name, value in given.items():
        for stage in () if name in stages else stages_meant(name):
            told[stage][name] = value
    missing = ({f"{stage}.{name}": value for name, value in not_given(stage, told[stage]).items()} for stage in stages)
    return nested(given, *missing)


def defaults_of_verb(verb: str) -> dict[str, Default]:
    """What the studio has set of a verb's settings, by their dotted names. Raises InputError."""
    if verb in ("chunk", "join"):
        return {}
    if verb == "run":
        stages = field_types(RunSettings)
        found = {name: one for name, one in all_defaults().items() if name.partition(".")[0] in stages}
    else:
        found = defaults_of("render" if verb == "farm" else verb)
    return {name: default for name, default in found.items() if not name.endswith("recipe")}


def listed_settings(verb: str) -> list[dict[str, Any]]:
    """All settings of a verb as plain values, with what the studio has set of them. Raises InputError."""
    set_here = {name: default.value for name, default in defaults_of_verb(verb).items()}
    return [asdict(entry) for entry in entries(with_changes(TREES[verb](), set_here))]
