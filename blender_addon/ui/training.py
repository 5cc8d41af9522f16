"""What the panel's Train step offers, by how far the model's training has come."""

from __future__ import annotations

from dataclasses import dataclass

from ..requests import model_name
from ..shared.training import TrainingState
from .found import SubjectFound


@dataclass(frozen=True)
class Offer:
    """The step's button: its text, its mode (properties.TRAIN_MODES), and a sentence on what is there ("": nothing)."""

    text: str
    mode: str = "AUTO"
    about: str = ""


def offer(settings, subject: SubjectFound | None) -> Offer:
    """The button for a scene's settings (`Scene.talker`)."""
    name = model_name(settings)
    state = subject.trainings.get(name) if subject is not None else None
    if state is None:
        if subject is not None and name in subject.models:
            return Offer("Train Anew", about=f"Takes the place of the model {name} when it is done.")
        return Offer("Train")
    words = f"{name} ({state.preset})"
    if (state.recipe, state.preset) != (settings.recipe, settings.preset):
        return Offer("Train Anew", about=f"Takes the place of the model {words} when it is done.")
    if not state.is_finished:
        return Offer("Go On Training", about=f"{words} stopped at {_share(state)}.")
    return Offer("Train On", "MORE", f"{words} is finished: {state.step} steps. More minutes go on from there.")


def _share(state: TrainingState) -> str:
    """How far the round has come; of a further one, that it is such."""
    return f"{state.progress:.0%}" + (" of a further round" if len(state.rounds) > 1 else "")
