"""The takes that were made of a person, wherever they are known to lie."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.forgetting.person import Person
from backend.provenance.reading import movie_marks
from shared import layout
from shared.errors import InputError
from shared.files import read_json_object
from shared.pending import PUBLISHING_FOLDER, UNFINISHED_FOLDER

_EXPORTED = ".mov"
_BESIDE = ("render", "lines")
"""Folders beside a subject's that hold takes: those of `talker run`, and of the add-on."""


def is_take_of(folder: Path, person: Person) -> bool:
    """Whether a folder holds a take of a person, finished or not."""
    if not person.source_sha256:
        return False
    for place in (folder, folder / UNFINISHED_FOLDER, folder / PUBLISHING_FOLDER):
        path = place / layout.MANIFEST_FILE
        if not path.is_file() or path.is_symlink():
            continue
        try:
            values = read_json_object(path, "")
        except InputError:
            continue
        inputs = values.get("inputs")
        footage = inputs.get("footage") if isinstance(inputs, dict) else None
        sha256 = footage.get("sha256") if isinstance(footage, dict) else None
        if person.source_sha256 == sha256 or person.id == values.get("subject"):
            return True
    return False


def find_takes(person: Person, told: Iterable[Path], folders: Iterable[Path], unread: list[str]) -> list[Path]:
    """Folders of takes of a person: among those that are `told` (by jobs), under `folders`, and beside the subject.

    No link is followed. unread: gets a sentence for each folder that could not be looked into.
    """
    candidates = [Path(os.path.abspath(path)) for path in told]
    searched = [*(person.root.parent / name for name in _BESIDE), *folders]
    for folder in searched:
        candidates += _folders_under(folder, unread)
    found = {Path(os.path.realpath(path)) for path in candidates if not _is_link(path)}
    return [path for path in sorted(found) if is_take_of(path, person)]


def find_exports(person: Person, told: Iterable[Path], folders: Iterable[Path], takes: Iterable[Path]) -> list[Path]:
    """Files that were made of a person's takes for other programs: those that are `told` (by jobs), and movies that
    carry the person's mark under `folders` and beside `takes`. No link is followed."""
    found = {path for path in told if path.is_file() and not path.is_symlink()}
    places = [place for folder in folders for place in _folders_under(folder, [])]
    for place in {*places, *(take.parent for take in takes)}:
        for path in place.glob(f"*{_EXPORTED}"):
            if path.is_file() and not path.is_symlink() and movie_marks(path).get("subject") == person.id:
                found.add(path)
    return sorted({Path(os.path.realpath(path)) for path in found})


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # a name that no disk can have
        return True


def _folders_under(folder: Path, unread: list[str]) -> Iterator[Path]:
    """A folder and all below it."""

    def note(error: OSError) -> None:
        unread.append(f"{error.filename} cannot be looked into ({error.strerror}).")

    if folder.is_dir():
        for place, names, _ in os.walk(os.path.abspath(folder), onerror=note):
            names[:] = [name for name in names if name not in (UNFINISHED_FOLDER, PUBLISHING_FOLDER)]
            yield Path(place)
