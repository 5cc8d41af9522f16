"""Which training a model's folder holds: one that is going on or stopped, and the one that made the finished model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.settings import TrainSettings
from backend.subject.model_folder import ModelFolder
from backend.train.resuming import choose, other_settings, under_own_poses
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from shared.training import Did, Start, TrainingState, read_training


@dataclass(frozen=True)
class Beginning:
    """How a training begins, and from what."""

    did: Did
    settings: TrainSettings
    key: str
    """Hash of the settings."""
    checkpoint: Path
    """What it goes on from, there or not."""
    state: TrainingState | None
    """What that says; None: there is none, or a damaged one."""
    given_up: TrainingState | None
    """A training that stopped, and cannot be gone on with once this one has begun."""


def beginning(
    model: ModelFolder, settings: TrainSettings, key_of: Callable[[TrainSettings], str], report: Reporter
) -> Beginning:
    """How a training with these settings begins. Writes nothing; key_of: the hash of settings.

    What stopped comes before what is finished; the finished model's own training where only that has these settings.
    Raises InputError where there is nothing to go on with in the way that is asked for.
    """
    begun, finished = _read(model.begun_file, report), _read(model.checkpoint_file, report)
    checkpoint, before = (model.checkpoint_file, finished) if begun is None else (model.begun_file, begun)
    settings = under_own_poses(settings, before, key_of)
    key = key_of(settings)
    if begun is not None and finished is not None and settings.start is not Start.ANEW:
        if begun.settings != key == finished.settings:
            if settings.start is Start.MORE:
                raise _undecided(model, begun)
            checkpoint, before = model.checkpoint_file, finished
    did = choose(before, settings, key)
    if did is not Did.ANEW and before is not None and before.settings != key:
        raise other_settings(model, settings)
    is_published = checkpoint == model.checkpoint_file and model.config_file.is_file()
    if did is Did.NOTHING and not is_published:
        did = Did.RESUMED  # it was killed between its last step and its model
    is_given_up = did is Did.ANEW or checkpoint == model.checkpoint_file
    return Beginning(did, settings, key, checkpoint, before, begun if is_given_up else None)


def _read(checkpoint: Path, report: Reporter) -> TrainingState | None:
    state = read_training(checkpoint)
    if state is None and checkpoint.exists():
        report.message(f"{checkpoint} is damaged: what it kept of a training is lost.")
    return state


def _undecided(model: ModelFolder, begun: TrainingState) -> InputError:
    return InputError(
        f"Another training of the model {model.name} stopped at {begun.progress:.0%}: one of the two has to go.",
        f"Resume that one with its settings; or delete {model.begun_file} to train the finished model on.",
    )


def stopped(model: ModelFolder, progress: float) -> Cancelled:
    """That a training was cancelled, and what is there now."""
    kept = f" The model {model.name} of before stays in use until then." if model.config_file.is_file() else ""
    return Cancelled(f"Cancelled at {progress:.0%}.", f"Resume the training (--resume) to go on from there.{kept}")
