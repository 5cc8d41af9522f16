"""What the panel's Train step offers, by how far the model's training has come."""

from __future__ import annotations

from dataclasses import dataclass

from ..jobs.steps import model_name
from ..properties import TalkerSettings
from ..shared.training import TrainingState
from .folders import ScannedSubject


@dataclass(frozen=True)
class Offer:
    """The step's button: its text, its mode (properties.TRAIN_MODES), and a sentence on what is there ("": nothing)."""

    text: str
    mode: str = "AUTO"
    about: str = ""


def offer(settings: TalkerSettings, subject: ScannedSubject | None, is_training: bool = False) -> Offer:
    """The button for a scene's settings (`Scene.talker`); nothing is said of how far the training came while it goes
    on."""
    name = model_name(settings)
    if is_training:
        return Offer("Train")
    state = subject.trainings.get(name) if subject is not None else None
    if subject is None or state is None:
        if subject is not None and name in subject.models:
            return Offer("Train from Scratch", about=f"Takes the place of the model {name} when it is done.")
        return Offer("Train")
    words = f"{name} ({state.preset})"
    if (state.recipe, state.preset) != (settings.recipe, settings.preset):
        return Offer("Train from Scratch", about=f"Takes the place of the model {words} when it is done.")
    if not state.is_finished:
        kept = " The model of before is in use until it is done." if name in subject.models else ""
        return Offer("Resume Training", about=f"{words} stopped at {_share(state)}.{kept}")
    return Offer("Train Further", "MORE", f"{words} is finished: {state.step} steps. Train Further goes on from there.")


def _share(state: TrainingState) -> str:
    """How far the last round of training has come, and whether it is a further one."""
    return f"{state.progress:.0%}" + (" of a further round" if len(state.rounds) > 1 else "")
