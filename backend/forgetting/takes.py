"""The takes that were made of a person, wherever they are known to lie."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backend.forgetting.exports import MARKED, NUMBERED
from backend.forgetting.marked import is_marked
from backend.forgetting.person import Person
from shared import layout
from shared.errors import InputError
from shared.files import intended_name, read_json_object
from shared.pending import PUBLISHING_FOLDER, UNFINISHED_FOLDER

_BESIDE = ("render", "lines")
"""Folders beside a subject's that hold takes: those of `talker run`, and of the add-on."""
_INSIDE = (UNFINISHED_FOLDER, PUBLISHING_FOLDER, layout.CHUNKS_FOLDER)
"""Folders in a take's."""


def own_places(folder: Path, person: Person) -> list[Path]:
    """Where in a folder a take of a person lies: the folder itself where its manifest says so, and those in it of an
    unfinished render and of chunks, where theirs do. No link is followed."""
    records = [
        folder / layout.MANIFEST_FILE,
        folder / UNFINISHED_FOLDER / layout.MANIFEST_FILE,
        folder / PUBLISHING_FOLDER / layout.MANIFEST_FILE,
        folder / layout.CHUNKS_FOLDER / layout.CHUNK_RECORD_FILE,
    ]
    return [path.parent for path in records if _is_record_of(path, person)]


def _is_record_of(path: Path, person: Person) -> bool:
    """Whether a manifest, or the record of chunks, is of a person."""
    if path.parent.is_symlink() or path.is_symlink() or not path.is_file():
        return False
    try:
        values = read_json_object(path, "")
    except InputError:
        return False
    inputs = values.get("inputs")
    footage = inputs.get("footage") if isinstance(inputs, dict) else None
    sha256 = footage.get("sha256") if isinstance(footage, dict) else None
    return person.source_sha256 == sha256 or (sha256 is None and person.id == values.get("subject"))


def find_takes(person: Person, told: Iterable[Path], folders: Iterable[Path], unread: list[str]) -> list[Path]:
    """Folders of takes of a person: among those that are `told` (by jobs), under `folders`, and beside the subject.

    No link is followed. unread: gets a sentence for each folder that could not be looked into.
    """
    candidates = [Path(os.path.abspath(path)) for path in told]
    searched = [*(person.root.parent / name for name in _BESIDE), *folders]
    for folder in searched:
        candidates += _folders_under(folder, unread)
    found = {Path(os.path.realpath(path)) for path in candidates if not _is_link(path)}
    return [path for path in sorted(found) if own_places(path, person)]


def find_marked_exports(person: Person, folders: Iterable[Path], takes: Collection[Path]) -> list[Path]:
    """Files as exports write them, under `folders` and beside `takes`, that carry a person's marks. No link is
    followed."""
    found = (path for path in _exports_in(folders, takes) if is_marked(path, person.id))
    return sorted({Path(os.path.realpath(path)) for path in found})


def find_half_exported(folders: Iterable[Path], takes: Collection[Path]) -> list[Path]:
    """Such files that exports left half-written when they were killed: they have no marks yet."""
    return sorted({Path(os.path.realpath(path)) for path in _exports_in(folders, takes, half_written=True)})


def _exports_in(folders: Iterable[Path], takes: Collection[Path], half_written: bool = False) -> Iterator[Path]:
    """Files with names as exports give them; numbered ones in a take are its own."""
    for place in {place for folder in folders for place in _folders_under(folder, [])} | {
        take.parent for take in takes
    }:
        is_own = any(one in takes for one in (place, *place.parents))
        with suppress(OSError):  # told of already, where takes were looked for
            for path in place.iterdir():
                name = (intended_name(path) or "") if half_written else path.name
                ending = os.path.splitext(name)[1].lower()
                if ending in MARKED and name != layout.CONTACT_SHEET_FILE and not (is_own and ending in NUMBERED):
                    yield path


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
            names[:] = [name for name in names if name not in _INSIDE]
            yield Path(place)
