"""How a training begins: anew, from its checkpoint, or with another round for a model that is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backend.settings import POSES, TrainSettings
from backend.subject.model_folder import ModelFolder
from shared.errors import InputError
from shared.training import Did, Length, Start, TrainingState


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    folder: Path
    """The model's."""
    did: Did
    steps: int
    """Of all rounds of the model, as are the minutes."""
    minutes: float
    from_progress: float = 0.0
    """Share of the round that was done before, where an interrupted one was resumed."""
    new_steps: int = 0
    """Steps of this call."""
    replaced: bool = False
    """Whether an earlier training of this name was replaced."""

    def sentence(self) -> str:
        """For the user, what was done."""
        name, total = self.folder.name, f"{self.steps} steps, {self.minutes:.1f} min"
        if self.did is Did.NOTHING:
            return (
                f"The model {name} is finished already ({total}): nothing was trained. "
                "It can be trained on for more time, or anew."
            )
        if self.did is Did.RESUMED:
            return f"The training went on from {self.from_progress:.0%} and is done: model {name}, {total}."
        if self.did is Did.MORE:
            return f"The model {name} was trained on, by {self.new_steps} steps: now {total}."
        return f"The head is trained{' anew' if self.replaced else ''}: model {name}, {total}."


MAY_DIFFER = (
    *("model", "start", "checkpoint_s", "preview_s", "threads", "engine"),
    *("steps", "more_for_long", "minutes"),
)
"""Settings in which a run may differ from the one that it goes on with: those of the machine, and the length of a
single round."""
LATER = (
    *("speech", "masks", "annealing", "supervision", "densify", "losses.attention", "rates.attention"),
    *("rates.harmonics", "portrait.own_audio", "portrait.poses", "portrait.upper", "portrait.start"),
    *("portrait.harmonics", "portrait.layered", "portrait.inside_share", "portrait.lip_curves"),
)
"""Settings that came after the first checkpoints, by their dotted names. A run has the same hash with and without one
that has its default, so that those checkpoints are gone on with."""


def without_later_defaults(settings: TrainSettings) -> dict[str, Any]:
    """The values of `settings` that its hash is made of: without those in MAY_DIFFER, and those of LATER that have
    their defaults."""
    values = {name: value for name, value in asdict(settings).items() if name not in MAY_DIFFER}
    usual = asdict(TrainSettings())
    for dotted in LATER:
        own, default, *groups, last = values, usual, *dotted.split(".")
        for group in groups:
            own, default = own[group], default[group]
        if own[last] == default[last]:
            del own[last]
    return values


def other_settings(model: ModelFolder, asked: TrainSettings) -> InputError:
    """That a model's checkpoint is of a training with other settings than those asked for, and which, as far as its
    config.json tells."""
    try:
        found = differences(model.training_record()["settings"], asdict(asked))
    except (InputError, KeyError, TypeError):
        found = []
    if not found:
        what = "The checkpoint belongs to a training with other settings or other footage."
        return InputError(what, "Ask for its settings, or train anew.")
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return InputError(
        f"The model {model.name} was trained with other settings ({'; '.join(found[:_TOLD])}{more}).",
        "Ask for the same ones (its --preset and --recipe say most of them), or train anew.",
    )


def differences(recorded: Mapping[str, Any], asked: Mapping[str, Any], within: str = "") -> list[str]:
    """The settings in which two trees of them differ, as "name: recorded, not asked"; but for those that may."""
    found = []
    for name, value in asked.items():
        if within or name not in MAY_DIFFER:
            known = recorded.get(name)
            if isinstance(value, Mapping) and isinstance(known, Mapping):
                found += differences(known, value, f"{within}{name}.")
            elif _plain(value) != _plain(known):
                found.append(f"{within}{name}: {known}, not {value}")
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_TOLD = 4
"""So many differences of settings are named."""
USUAL_S = 20.0
"""The steps of the settings are for footage of this length, seconds."""


def for_length(settings: TrainSettings, footage_s: float) -> TrainSettings:
    """The settings with the steps that footage of so many seconds gets."""
    longer = max(1.0, footage_s / USUAL_S) if settings.more_for_long else 1.0
    return replace(settings, steps=round(settings.steps * longer**0.5), more_for_long=False)


def under_own_poses(
    settings: TrainSettings, state: TrainingState | None, key_of: Callable[[TrainSettings], str]
) -> TrainSettings:
    """The settings with the head poses that a model learned under, where it is to be gone on with and nothing else
    differs: presets ask for other poses than those of older versions did. key_of: the hash of settings."""
    if state is None or settings.start not in (Start.RESUME, Start.MORE):
        return settings
    for poses in (settings.portrait.poses, *POSES):
        tried = replace(settings, portrait=replace(settings.portrait, poses=poses))
        if state.settings == key_of(tried):
            return tried
    return settings


def length_of(settings: TrainSettings) -> Length:
    """How long these settings train."""
    return Length(settings.steps) if settings.minutes is None else Length(None, settings.minutes)


def choose(state: TrainingState | None, settings: TrainSettings, key: str) -> Did:
    """What to do for `settings`, whose hash is `key`, about a model whose checkpoint says `state`.

    An interrupted round is resumed at its own length; the settings may ask for that length or for the first round's.
    Raises InputError where they ask for another one. Whether there is a checkpoint, and one of these settings, is
    checked when it is loaded.
    """
    start = settings.start
    if start is Start.ANEW:
        return Did.ANEW
    if state is None or state.settings != key:
        return Did.ANEW if start is Start.AUTO else Did.RESUMED
    if start is Start.MORE and state.is_finished:
        return Did.MORE
    length = length_of(settings)
    if length not in (state.rounds[0], state.rounds[-1]):
        if start is Start.AUTO:
            return Did.ANEW
        if not state.is_finished:
            raise InputError(
                f"The training stopped at {state.progress:.0%} of {state.rounds[-1]}: {length} cannot go on with it.",
                f"Resume it with {state.rounds[-1]} first, or train anew.",
            )
    return Did.NOTHING if state.is_finished else Did.RESUMED
