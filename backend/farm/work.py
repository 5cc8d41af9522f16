"""What a farm is to do: trainings, and lines of dialogue in chunks of frames, as commands of `talker`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from backend.deliver.provenance import OWN_PLACES
from backend.settings import RenderSettings
from shared import choices


@dataclass(frozen=True)
class FarmLine:
    """A line of dialogue to render."""

    name: str
    """What it is called among the job's lines."""
    subject: Path
    audio: Path
    out: Path
    first: int
    last: int
    """Frames to render, inclusive, from 1."""
    settings: RenderSettings

    @property
    def frames(self) -> str:
        """As farms write a range."""
        return f"{self.first}-{self.last}"

    @property
    def files(self) -> dict[str, Path]:
        """Files besides the sound that it is made of, by the setting that names them."""
        named = {"performance": self.settings.performance, "direction": self.settings.direction}
        if self.settings.pose not in choices.POSES:
            named["pose"] = self.settings.pose
        return {setting: Path(path) for setting, path in named.items() if path is not None}

    @property
    def options(self) -> list[str]:
        """Its settings as options of the command line, but frames, files, and what is each machine's own."""
        return changed_options(
            self.settings, RenderSettings(), ("frames", "performance", "direction", *self.files, *OWN_PLACES)
        )


@dataclass(frozen=True)
class FarmTraining:
    """Heads to train before the lines are rendered."""

    subjects: tuple[Path, ...]
    options: tuple[str, ...]
    """Of `talker train`."""


@dataclass(frozen=True)
class FarmWork:
    """A farm's job."""

    name: str
    lines: tuple[FarmLine, ...]
    training: FarmTraining | None
    chunk_frames: int
    """Frames of a task, at most."""
    talker: str
    """The command on the farm's machines."""
    needs_gpu: bool = False

    @property
    def directories(self) -> list[Path]:
        """Folders that are read."""
        trained = () if self.training is None else self.training.subjects
        return sorted({*trained, *(line.subject for line in self.lines)})

    @property
    def filenames(self) -> list[Path]:
        """Files that are read."""
        return sorted({path for line in self.lines for path in (line.audio, *line.files.values())})


def changed_options(settings: Any, usual: Any, without: tuple[str, ...] = ()) -> list[str]:
    """The fields of settings that are not as usual, as `--set NAME=VALUE`."""
    found = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name not in without and value != getattr(usual, field.name):
            found += ["--set", f"{field.name}={_text(value)}"]
    return found


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
