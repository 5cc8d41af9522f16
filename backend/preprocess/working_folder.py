"""The folder in which a subject is made: it has another name until it is finished, and is resumed stage by stage."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, explaining, write_json

REPLACED_SUFFIX = ".replaced"
STAGES_FILE = "stages.json"
INTERMEDIATE_FOLDER = "cache/preprocess"


class WorkingFolder:
    """DIR.partial: filled stage by stage, then renamed to DIR.

    A finished stage writes its key to stages.json. A stage with the same key is skipped, both after a cancelled run and
    when a finished subject of the same footage is preprocessed again with other settings.
    """

    def __init__(self, target: Path, source_sha256: str) -> None:
        self.target = target
        self.path = target.with_name(target.name + PARTIAL)
        self._check_target(source_sha256)
        with explaining(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / STAGES_FILE).is_file():
                self._start(source_sha256)
            self.stages: dict[str, str] = self._read_stages()
            if self.stages.get("source") != source_sha256:
                shutil.rmtree(self.path)
                self.path.mkdir(parents=True)
                self._start(source_sha256)
                self.stages = self._read_stages()
            self.intermediate.mkdir(parents=True, exist_ok=True)

    @property
    def intermediate(self) -> Path:
        """Folder for results that only later stages need."""
        return self.path / INTERMEDIATE_FOLDER

    def _check_target(self, source_sha256: str) -> None:
        """Raises InputError if the target is something else than a subject of this footage."""
        if not self.target.exists():
            return
        if not self.target.is_dir():
            raise InputError(f"{self.target} is a file.", "Give a folder for the subject.")
        if not any(self.target.iterdir()):
            return
        if not (self.target / layout.SUBJECT_FILE).is_file():
            raise InputError(f"{self.target} holds other files.", "Give a new or an empty folder for the subject.")
        if Subject.open(self.target).info.source_sha256 != source_sha256:
            raise InputError(
                f"{self.target} holds the subject of other footage.", "Give another folder, or delete that one."
            )

    def _start(self, source_sha256: str) -> None:
        """Start from the files of a finished subject of the same footage, as hard links, if there is one."""
        stages = {"source": source_sha256}
        if (self.target / layout.SUBJECT_FILE).is_file():
            stages |= Subject.open(self.target).info.stages
            for path in self.target.rglob("*"):
                relative = path.relative_to(self.target)
                if not path.is_file() or relative.parts[0] == layout.MODELS_FOLDER or path.suffix == ".npy":
                    continue
                (self.path / relative).parent.mkdir(parents=True, exist_ok=True)
                _link(path, self.path / relative)
            (self.path / layout.SUBJECT_FILE).unlink()
        self._write_stages(stages)

    def _read_stages(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.path / STAGES_FILE).read_text(encoding="utf-8")))
        except ValueError:
            return {}

    def _write_stages(self, stages: dict[str, str]) -> None:
        write_json(self.path / STAGES_FILE, stages)

    def is_done(self, stage: str, key: str) -> bool:
        return self.stages.get(stage) == key

    def begin(self, stage: str, outputs: list[str]) -> None:
        """Mark the stage as not done and delete its outputs (names in the folder): some may be hard links to a finished
        subject."""
        self.stages.pop(stage, None)
        self._write_stages(self.stages)
        for name in outputs:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def finish(self, stage: str, key: str) -> None:
        self.stages[stage] = key
        self._write_stages(self.stages)

    def publish(self) -> None:
        """Give the folder its final name; models that were trained on the same footage move along."""
        (self.path / STAGES_FILE).unlink()
        replaced = self.target.with_name(self.target.name + REPLACED_SUFFIX)
        if self.target.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            os.rename(self.target, replaced)
        os.rename(self.path, self.target)
        if (replaced / layout.MODELS_FOLDER).is_dir():
            os.rename(replaced / layout.MODELS_FOLDER, self.target / layout.MODELS_FOLDER)
        shutil.rmtree(replaced, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
