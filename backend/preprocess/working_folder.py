"""The folder in which a subject is made: it has another name until it is finished, and is resumed stage by stage."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from backend.disk import GB
from backend.media.whole import damaged_part
from backend.subject.publishing import publish_subject, restore_subject
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, explaining, remove_leftovers, write_json
from shared.folders import folder_bytes
from shared.jobs import Reporter

STAGES_FILE = layout.STAGES_FILE
INTERMEDIATE_FOLDER = "cache/preprocess"
_NEVER_CHANGED = (layout.FRAMES_FOLDER, layout.REGIONS_FOLDER)
"""Folders whose files get their names when they are whole, and are never written again: two folders may share them."""


class WorkingFolder:
    """DIR.partial: filled stage by stage, then renamed to DIR. Whoever makes one holds the claim of DIR.

    A finished stage writes its key to stages.json. A stage with the same key, whose files are whole, is skipped, both
    after a cancelled run and when a finished subject of the same footage is preprocessed again with other settings.
    """

    def __init__(self, target: Path, source_sha256: str, report: Reporter) -> None:
        self.target = target
        self.path = target.with_name(target.name + PARTIAL)
        self._report = report
        restored = restore_subject(target)
        if restored:
            report.message(restored)
        self._check_target(source_sha256)
        with explaining(self.path):
            self.stages = self._read_stages()
            if self.stages.get("source") != source_sha256:
                self._clear()
                self.path.mkdir(parents=True)
                self._start(source_sha256)
            self.intermediate.mkdir(parents=True, exist_ok=True)
            told = " ".join(filter(None, map(remove_leftovers, (self.path, self.intermediate))))
        if told:
            report.message(told)

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

    def _clear(self) -> None:
        """Remove what has the working folder's name and is not gone on with: an unfinished subject of other footage, or
        what a killed run left."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path} is a file.", "Move it away: a subject is made under that name.")
        pictures = len(list((self.path / layout.FRAMES_FOLDER).glob("*.png")))
        size = folder_bytes(self.path) / GB
        shutil.rmtree(self.path)
        self._report.message(
            f"{self.path.name}, which an unfinished run left, is removed: {pictures} pictures, {size:.2f} GB."
        )

    def _start(self, source_sha256: str) -> None:
        """Start from the files of a finished subject of the same footage, if there is one: its pictures, which never
        change, as hard links; all else copied."""
        stages = {"source": source_sha256}
        if (self.target / layout.SUBJECT_FILE).is_file():
            stages |= Subject.open(self.target).info.stages
            for path in sorted(self.target.rglob("*")):
                relative = path.relative_to(self.target)
                if not path.is_file() or not _is_gone_on_with(relative):
                    continue
                (self.path / relative).parent.mkdir(parents=True, exist_ok=True)
                if relative.parts[0] in _NEVER_CHANGED:
                    _link(path, self.path / relative)
                else:
                    shutil.copyfile(path, self.path / relative)
        self.stages = stages
        self._write_stages()

    def _read_stages(self) -> dict[str, str]:
        """Finished stages with their keys; none where the file is missing or damaged."""
        try:
            values = json.loads((self.path / STAGES_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(name): str(key) for name, key in values.items()} if isinstance(values, dict) else {}

    def _write_stages(self) -> None:
        write_json(self.path / STAGES_FILE, self.stages)

    def is_done(self, stage: str, key: str, outputs: Sequence[str]) -> bool:
        """Whether a stage need not be done: it is finished under this key, and its outputs (names of files or of
        folders of pictures) are whole. A damaged one is named."""
        if self.stages.get(stage) != key:
            return False
        damaged = next((part for name in outputs if (part := damaged_part(self.path / name)) is not None), None)
        if damaged is not None:
            told = damaged.relative_to(self.path)
            self._report.message(f"{told} is missing or damaged: the stage {stage} is done again.")
        return damaged is None

    def begin(self, stage: str, outputs: Sequence[str]) -> None:
        """Mark the stage as not done and delete its outputs (names in the folder)."""
        self.undo(stage)
        for name in outputs:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def undo(self, stage: str) -> None:
        """Mark a stage as not done."""
        if self.stages.pop(stage, None) is not None:
            self._write_stages()

    def finish(self, stage: str, key: str) -> None:
        self.stages[stage] = key
        self._write_stages()

    def publish(self) -> None:
        """Give the folder its final name; models that were trained on the same footage go on in it."""
        publish_subject(self.path, self.target)
        (self.target / STAGES_FILE).unlink()

    def discard(self) -> None:
        """Remove the folder, where the footage can never become a subject."""
        shutil.rmtree(self.path)


def _is_gone_on_with(relative: Path) -> bool:
    """Whether a file of a finished subject is used in the next one, by its name in the folder."""
    return (
        relative.parts[0] != layout.MODELS_FOLDER
        and relative.suffix != ".npy"
        and not relative.name.endswith(PARTIAL)
        and str(relative) not in (layout.SUBJECT_FILE, layout.CONSENT_FILE, STAGES_FILE)
    )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
