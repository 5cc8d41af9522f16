"""How a training is asked to begin, what came of that, and how far a checkpoint says it has come: for both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from . import layout

HEADER_LIMIT = 1 << 24
"""Bytes. A checkpoint's header has some ten kilobytes; a file that claims more than this is none."""


class Start(StrEnum):
    """How a training is asked to begin: the argument `start` of the verb train."""

    ANEW = "anew"
    """From the footage alone, whatever is there."""
    RESUME = "resume"
    """From the model's checkpoint; a finished model stays as it is."""
    MORE = "more"
    """A finished model is trained on for so many steps or minutes; an unfinished one is resumed."""
    AUTO = "auto"
    """From a checkpoint of the same settings where there is one, else anew."""


class Did(StrEnum):
    """What a training did: `did` of the verb's result."""

    ANEW = "anew"
    """Began from the footage alone; what was there is replaced."""
    RESUMED = "resumed"
    """Went on with a round that was interrupted."""
    MORE = "more"
    """Trained a finished model for another round."""
    NOTHING = "nothing"
    """The model is finished, and more was not asked for."""


def with_start(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the verb train in which `start` says how it begins.

    Jobs that an add-on before this one left said it by `more` (true or false) and `resume` (true, false or "auto").
    """
    result = {name: value for name, value in arguments.items() if name not in ("more", "resume")}
    if len(result) < len(arguments) and result.get("start") is None:
        more, resume = arguments.get("more"), arguments.get("resume")
        resumed = Start.AUTO if resume == "auto" else Start.RESUME if resume else Start.ANEW
        result["start"] = str(Start.MORE if more else resumed)
    return result


def taken_up_again(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the verb train for a job that was interrupted: it goes on from its checkpoint, if it left one."""
    result = with_start(arguments)
    if result.get("start") != Start.MORE:
        result["start"] = str(Start.AUTO)
    return result


@dataclass(frozen=True)
class Length:
    """How long a round of training lasts: so many steps, or so many minutes; the other is None."""

    steps: int | None
    minutes: float | None = None

    def __str__(self) -> str:
        return f"{self.steps} steps" if self.minutes is None else f"{self.minutes:g} min"


@dataclass(frozen=True)
class TrainingState:
    """State of a training, as its checkpoint holds it."""

    settings: str
    """Hash of all settings that a run must have in common to resume it; the length is not among them."""
    recipe: str
    preset: str
    rounds: tuple[Length, ...]
    """The first training, then every round by which the finished model was trained on; the last may be unfinished."""
    progress: float
    """Share of the last round that is done, in [0, 1]."""
    step: int
    """Steps done in all rounds."""
    elapsed_s: float
    """Time spent on them."""

    @property
    def is_finished(self) -> bool:
        """Whether the last round is done."""
        return self.progress >= 1.0

    def to_dict(self) -> dict:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> TrainingState:
        """Read what `to_dict` wrote; further entries are passed over. Raises KeyError, TypeError or ValueError."""
        return cls(
            settings=str(values["settings"]),
            recipe=str(values["recipe"]),
            preset=str(values["preset"]),
            rounds=tuple(Length(**length) for length in values["rounds"]),
            progress=float(values["progress"]),
            step=int(values["step"]),
            elapsed_s=float(values["elapsed_s"]),
        )


def newest_training(model: Path) -> TrainingState | None:
    """State of the training in a model's folder that goes on, or stopped; else of that of the finished model; None
    where there is neither."""
    return read_training(model / layout.BEGUN_CHECKPOINT_FILE) or read_training(model / layout.CHECKPOINT_FILE)


def read_training(checkpoint: Path) -> TrainingState | None:
    """State of the training in a checkpoint; None where there is none, or a damaged one."""
    try:
        return TrainingState.from_dict(json.loads(_metadata(checkpoint)["state"]))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file.

    The file begins with the length of the header, 8 bytes, little-endian. The header is JSON: it lists the tensors by
    their offsets and has the texts under `__metadata__`. Raises ValueError if the file is not complete.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_LIMIT:
            raise ValueError(f"{path} is no safetensors file")
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__")
    end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if path.stat().st_size != 8 + length + end:
        raise ValueError(f"{path} is cut short")
    return metadata
