"""Who is to be forgotten: a subject's folder, what killed runs left beside it, and the hash that files know it by."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from backend.subject.subject import ID_DIGITS
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, read_json_object
from shared.folders import SET_ASIDE

_LEFTOVERS = (PARTIAL, SET_ASIDE, ".replaced")
"""Endings of folders beside a subject that runs leave when they are killed; the last one by older versions."""


@dataclass(frozen=True)
class Person:
    """A subject as it is found, whole or not."""

    root: Path
    """Its folder, absolute, there or not."""
    source: str
    """File name of the footage; "" where that is not known any more."""
    source_sha256: str
    """Hash of the footage; "" where that is not known any more: then no take can be known to be of this person."""

    @property
    def id(self) -> str:
        return self.source_sha256[:ID_DIGITS]

    @property
    def folders(self) -> list[Path]:
        """The subject's folder and those beside it that are there."""
        beside = [self.root.with_name(self.root.name + ending) for ending in _LEFTOVERS]
        return [path for path in (self.root, *beside) if path.is_dir() and not path.is_symlink()]

    @classmethod
    def of(cls, folder: Path) -> Person:
        """Read who it is. Raises InputError for a link, and where there is no subject and nothing left of one."""
        root = Path(os.path.abspath(folder))
        if not root.name:
            raise InputError(f"{root} is not a subject folder.", "Name a subject's folder.")
        if root.is_symlink():
            raise InputError(
                f"{root} is a link to {os.readlink(root)}.", "Name the folder itself, then remove the link."
            )
        person = cls(root, "", "")
        told = [_said(place) for place in person.folders]
        if not any(values is not None for values in told):
            raise InputError(f"{root} is not a subject folder (no {layout.SUBJECT_FILE}).", "Name a subject's folder.")
        for values in filter(None, told):
            source, sha256 = values.get("source", ""), values.get("source_sha256", "")
            if isinstance(sha256, str) and len(sha256) >= ID_DIGITS and sha256.isalnum():
                return cls(root, source if isinstance(source, str) else "", sha256)
        return person


def _said(folder: Path) -> dict | None:
    """What a folder says of its subject: {} where that is damaged, None where it is no subject's."""
    for name in (layout.SUBJECT_FILE, layout.STAGES_FILE):
        if os.path.lexists(folder / name):
            try:
                values = read_json_object(folder / name, "")
            except InputError:
                return {}
            return values if name == layout.SUBJECT_FILE else {"source_sha256": values.get("source", "")}
    return None


class Naming:
    """Whether texts name a person: by the id, by the subject's folder, or by the folder of a take."""

    def __init__(self, person: Person, takes: list[Path]) -> None:
        self._id = person.id
        own = [person.root, *takes]
        folders = {str(path) for path in own} | {os.path.realpath(path) for path in own}
        self._folders = sorted({spelling for text in folders for spelling in (text, json.dumps(text)[1:-1])})

    def is_in(self, text: str) -> bool:
        """Whether a text names the person."""
        if self._id and self._id in text:
            return True
        return any(_names_folder(text, folder) for folder in self._folders)

    def is_in_values(self, values: object) -> bool:
        """The same for plain values, however deep."""
        if isinstance(values, dict):
            return any(self.is_in_values(part) for pair in values.items() for part in pair)
        if isinstance(values, list):
            return any(map(self.is_in_values, values))
        return isinstance(values, str) and self.is_in(values)

    def is_in_job(self, values: object) -> bool:
        """Whether a job is about the person, by what its file holds."""
        if self.is_in_values(values):
            return True
        arguments = values.get("arguments") if isinstance(values, dict) else None
        out = arguments.get("out") if isinstance(arguments, dict) else None  # of `run`, which makes its subject there
        return isinstance(out, str) and "\0" not in out and os.path.realpath(Path(out, "subject")) in self._folders


def _names_folder(text: str, folder: str) -> bool:
    """Whether a text names a folder, or what is in it or left beside it; not one whose name only begins so."""
    at = text.find(folder)
    while at >= 0:
        rest = text[at + len(folder) :]
        word = rest[1:2]
        ends = not rest or not (rest[0].isalnum() or rest[0] in "-_.")
        if ends or rest.startswith(_LEFTOVERS) or (rest[0] == "." and not word.isalnum()):
            return True
        at = text.find(folder, at + 1)
    return False
