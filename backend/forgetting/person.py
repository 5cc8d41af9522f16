"""Who is to be forgotten: a subject's folder, what killed runs left beside it, the hash that files know it by."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from backend.subject.subject import ID_DIGITS
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, read_json_object
from shared.folders import SET_ASIDE

_LEFTOVERS = (PARTIAL, SET_ASIDE, ".replaced")
"""Endings of folders beside a subject that runs leave when they are killed; the last one by older versions."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS: dict[str, type] = {
    **dict.fromkeys(("source", "fps"), str),
    **dict.fromkeys(("schema", "frame_count", "size", "footage_width", "footage_height"), int),
}
"""Of subject.json, in every version."""
_BY_HAND = "Look into the folder; if it is of the person, remove it and the takes by hand."


@dataclass(frozen=True)
class Person:
    """A subject as it is found, whole or not."""

    root: Path
    """Its folder, absolute, there or not."""
    source: str
    """File name of the footage; "" where that is not known any more."""
    source_sha256: str
    """Hash of the footage."""
    folders: tuple[Path, ...]
    """The subject's folder, if it is there, and those beside it that killed runs left of it: at least one."""
    doubtful: tuple[Path, ...]
    """What has the name of such a folder, and says of nobody or of somebody else."""

    @property
    def id(self) -> str:
        return self.source_sha256[:ID_DIGITS]

    @property
    def journal(self) -> Path:
        """The file that keeps where the takes lie, while they are removed."""
        return self.folders[0] / layout.FORGETTING_FILE

    @classmethod
    def of(cls, folder: Path) -> Person:
        """Read who it is.

        Raises InputError for a link, where subject.json is damaged or not of this program's making, and where there is
        neither a subject nor anything left of one.
        """
        root = Path(os.path.abspath(folder))
        if not root.name:
            raise InputError(f"{root} is not a subject folder.", "Name a subject's folder.")
        if root.is_symlink():
            raise InputError(
                f"{root} is a link to {os.readlink(root)}.", "Name the folder itself, then remove the link."
            )
        source, sha256 = _subject(root) or ("", "")
        beside = [root.with_name(root.name + ending) for ending in _LEFTOVERS]
        beside = [path for path in beside if os.path.lexists(path)]
        told = {path: _left(path) for path in beside}
        if not sha256:
            source, sha256 = next(filter(None, told.values()), ("", ""))
        if not sha256 and root.is_dir() and not any(root.iterdir()):
            raise InputError(f"{root} is empty: nothing is left of a subject in it.", "Remove the folder.")
        if not sha256:
            raise InputError(f"{root} is not a subject folder (no {layout.SUBJECT_FILE}).", "Name a subject's folder.")
        is_own = {path: values is not None and values[1] == sha256 for path, values in told.items()}
        folders = [root] * os.path.lexists(root / layout.SUBJECT_FILE) + [path for path in beside if is_own[path]]
        return cls(root, source, sha256, tuple(folders), tuple(path for path in beside if not is_own[path]))


def _subject(folder: Path) -> tuple[str, str] | None:
    """(file name, hash) of the footage of a subject; None where there is no subject.json.

    Raises InputError where that is damaged, of somebody else's making, or a link.
    """
    path = folder / layout.SUBJECT_FILE
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        raise InputError(f"{path} is no file of this program's: it is a link or a folder.", _BY_HAND)
    values = read_json_object(path, _BY_HAND)
    wrong = [name for name, kind in _FIELDS.items() if type(values.get(name)) is not kind]
    if not (isinstance(crop := values.get("crop"), dict) and {"x", "y", "width", "height"} <= crop.keys()):
        wrong.append("crop")
    if not (isinstance(sha256 := values.get("source_sha256"), str) and _SHA256.fullmatch(sha256)):
        wrong.append("source_sha256")
    if wrong:
        raise InputError(f"{path} is damaged, or not of this program's making ({', '.join(wrong)}).", _BY_HAND)
    return values["source"], values["source_sha256"]


def _left(folder: Path) -> tuple[str, str] | None:
    """(file name or "", hash) of the footage of what a killed run left; None where it does not say of one alone."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        told = [found] if (found := _subject(folder)) else []
        path = folder / layout.STAGES_FILE
        if path.is_file() and not path.is_symlink():
            told.append(("", str(read_json_object(path, "").get("source"))))
    except InputError:
        return None
    hashes = {sha256 for _, sha256 in told}
    return told[0] if len(hashes) == 1 and _SHA256.fullmatch(told[0][1]) else None


class Naming:
    """Whether texts name a person: by the id, by the subject's folder, or by the folder of a take."""

    def __init__(self, person: Person, takes: list[Path]) -> None:
        self._id = person.id
        own = [person.root, *takes]
        folders = {str(path) for path in own} | {os.path.realpath(path) for path in own}
        self._folders = sorted({spelling for text in folders for spelling in (text, json.dumps(text)[1:-1])})

    def is_in(self, text: str) -> bool:
        """Whether a text names the person."""
        if self._id in text:
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
