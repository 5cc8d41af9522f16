"""`talker forget`: finds all that is there of one person, says what it is, and removes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.forgetting import ours, state, takes
from backend.forgetting.person import Naming, Person
from shared import layout
from shared.claims import CLAIM, Claims
from shared.errors import InputError
from shared.files import explaining, read_json_object

_MB = 1e6
_SHOWN = 20
"""So many files that are left are named."""


@dataclass(frozen=True)
class Part:
    """Things that go together."""

    what: str
    """In words: "take"."""
    place: Path
    files: list[Path]
    folders: list[Path] = field(default_factory=list)
    """Folders that go once they are empty."""

    def to_dict(self) -> dict[str, Any]:
        size = sum(path.lstat().st_size for path in self.files if os.path.lexists(path))
        return {"what": self.what, "place": str(self.place), "files": len(self.files), "mb": round(size / _MB, 2)}


@dataclass(frozen=True)
class Plan:
    """All that is to go of one person."""

    person: Person
    parts: list[Part]
    """In the order in which they go: what says whose the rest is comes last, so that a second run goes on."""
    logs: list[tuple[Path, Path]]
    """(state folder, log) of which only lines go."""
    state_folders: list[Path]
    """State folders in which something goes."""
    naming: Naming
    stays: list[str]
    """What is left, in sentences."""

    def to_dict(self, removed: bool) -> dict[str, Any]:
        """What goes, or has gone where `removed`."""
        return {
            "subject": str(self.person.root),
            "id": self.person.id or None,
            "removed" if removed else "would_remove": [part.to_dict() for part in self.parts],
            "lines_out_of": [str(log) for _, log in self.logs],
            "stays": self.stays,
        }


def plan(subject: Path, take_folders: Iterable[Path], state_folders: Iterable[Path]) -> Plan:
    """Find what is there of a person. Writes nothing.

    take_folders: looked through for takes; state_folders: of backends. Raises InputError for what is no subject, a
    folder that is not there, and one that cannot be read.
    """
    person = Person.of(subject)
    states, searched = list(state_folders), list(take_folders)
    for folder in searched:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", "Check --takes.")
    for folder in states:
        state.require_state_folder(folder)
    stays: list[str] = []
    with explaining(person.root):
        told = [path for folder in states for path in state.takes_told(folder)]
        found = takes.find_takes(person, told, searched, stays)
        naming = Naming(person, found)
        parts = [_part("take", ours.sort_take(folder), folder, stays) for folder in found]
        written = [path for folder in states for path in state.exports_told(folder, found)]
        for path in takes.find_exports(person, written, searched, found):
            parts.append(Part("exported for another program", path, [path]))
        parts += _parts_of_run(person, found)
        logs = []
        for folder in states:
            gone, shortened = state.files_that_name(folder, naming)
            parts += [Part("jobs and their logs", folder, gone)] if gone else []
            logs += [(folder, log) for log in shortened]
        faults = state.fault_logs_that_name(naming)
        parts += [Part("logs of faults", faults[0].parent, faults)] if faults else []
        subjects = [
            _part(_words(folder, person), ours.sort_subject(folder), folder, stays) for folder in person.folders
        ]
    parts += reversed(subjects)
    if not person.source_sha256:
        stays.append("Takes are left: what says of whose footage the subject is was lost, so they cannot be told.")
    if not states:
        stays.append(
            "No backend's state folder was found or named (--state-dir): jobs that name the subject may be left."
        )
    name = person.source or "that the subject was made from"
    stays.append(f"The footage {name} is yours and is not touched; nor are .blend files and copies made elsewhere.")
    used = [folder for folder in states if any(part.place == folder for part in parts)]
    used += [folder for folder, _ in logs if folder not in used]
    return Plan(person, parts, logs, used, naming, stays)


def forget(found: Plan) -> list[Path]:
    """Remove what a plan names; the folders of the person that are there still, since there is more in them.

    Raises InputError where somebody works on it, or where a file cannot be removed: what is left is then found by the
    next run.
    """
    with _held(found), explaining(found.person.root):
        for part in found.parts:
            for path in part.files:
                path.unlink(missing_ok=True)
            for folder in part.folders:
                _remove_if_empty(folder)
        for _, log in found.logs:
            state.remove_lines(log, found.naming)
    return [folder for part in found.parts for folder in part.folders if folder.exists()]


@contextmanager
def _held(found: Plan) -> Iterator[None]:
    """Hold the subject, its takes, and the state folders that change; refuse while another one holds any of it."""
    locks, claims = [], Claims()
    try:
        for folder in found.state_folders:
            locks.append(state.hold_state(folder))
        root = found.person.root
        inner = _claimed_in(root)
        outer = [part.place for part in found.parts if part.what == "take" and os.access(part.place.parent, os.W_OK)]
        busy = claims.take([root, *outer, *inner], "forgotten")
        if busy is not None:
            path, holder = busy
            told = f"{path} is in use." if holder is None else holder.sentence(str(path))
            raise InputError(told, "Wait for that to end, or cancel it; then run this again.")
        claims.give_back(*inner)  # Windows removes no file that is open
        yield
    finally:
        claims.give_all_back()
        for lock in locks:
            lock.release()


def _claimed_in(root: Path) -> list[Path]:
    """What in a subject is held, or was by a run that was killed: models, scores, files of the cache."""
    locks = root.rglob(f"*{CLAIM}") if root.is_dir() else ()
    return [path.with_name(path.name.removesuffix(CLAIM)) for path in locks if path.is_file()]


def _part(what: str, found: ours.Sorted, place: Path, stays: list[str]) -> Part:
    stays += [f"{path} is not of this program's making, and is left." for path in found.others[:_SHOWN]]
    if len(found.others) > _SHOWN:
        stays.append(f"So are {len(found.others) - _SHOWN} more files in {place}.")
    links = [path for path in found.ours if path.is_symlink()]
    stays += [f"What the link {path} leads to is left." for path in links]
    return Part(what, place, found.ours, found.folders)


def _parts_of_run(person: Person, found: list[Path]) -> list[Part]:
    """The copy of the contact sheet and the report that `talker run` leaves around a subject and its take."""
    out = person.root.parent
    files = ours.files_of_run(out) if person.root.name == "subject" else []
    report = out / layout.REPORT_FILE
    if report not in files:
        return []
    try:
        told = read_json_object(report, "").get("subject")
    except InputError:
        told = None
    is_own = isinstance(told, str) and os.path.realpath(told) == os.path.realpath(person.root)
    rendered = {Path(os.path.realpath(path)) for path in found}
    if not is_own and Path(os.path.realpath(out / "render")) not in rendered:
        return []
    return [Part("report and contact sheet", out, files)]


def _words(folder: Path, person: Person) -> str:
    return "subject with its models" if folder == person.root else "left by a run that was killed"


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
