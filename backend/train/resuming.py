"""How a training begins: anew, from its checkpoint, or with another round for a model that is finished."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.settings import Start, TrainSettings
from shared.errors import InputError
from shared.training import Length, TrainingState


class Way(StrEnum):
    """What a training does."""

    ANEW = "anew"
    """Begin from the footage alone; what was there is replaced."""
    GO_ON = "go_on"
    """Go on with a round that was interrupted."""
    MORE = "more"
    """Train a finished model for another round."""
    NOTHING = "nothing"
    """The model is finished, and more was not asked for."""


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    folder: Path
    """The model's."""
    way: Way
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
        if self.way is Way.NOTHING:
            return (
                f"The model {name} is finished already ({total}): nothing was trained. "
                "It can be trained on for more time, or anew."
            )
        if self.way is Way.GO_ON:
            return f"The training went on from {self.from_progress:.0%} and is done: model {name}, {total}."
        if self.way is Way.MORE:
            return f"The model {name} was trained on, by {self.new_steps} steps: now {total}."
        return f"The head is trained{' anew' if self.replaced else ''}: model {name}, {total}."


def length_of(settings: TrainSettings) -> Length:
    """How long these settings train."""
    return Length(settings.steps) if settings.minutes is None else Length(None, settings.minutes)


def choose(state: TrainingState | None, settings: TrainSettings, key: str) -> Way:
    """What to do for `settings`, whose hash is `key`, about a model whose checkpoint says `state`.

    An interrupted round is resumed at its own length; the settings may ask for that length or for the first round's.
    Raises InputError where they ask for another one. Whether there is a checkpoint, and one of these settings, is
    checked when it is loaded.
    """
    start = settings.start
    if start is Start.ANEW:
        return Way.ANEW
    if state is None or state.settings != key:
        return Way.ANEW if start is Start.AUTO else Way.GO_ON
    if start is Start.MORE and state.is_finished:
        return Way.MORE
    length = length_of(settings)
    if length not in (state.rounds[0], state.rounds[-1]):
        if start is Start.AUTO:
            return Way.ANEW
        if not state.is_finished:
            raise InputError(
                f"The training stopped at {state.progress:.0%} of {state.rounds[-1]}: {length} cannot go on with it.",
                f"Resume it with {state.rounds[-1]} first, or train anew.",
            )
    return Way.NOTHING if state.is_finished else Way.GO_ON
