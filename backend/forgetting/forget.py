"""`talker forget`: finds all that is there of one person, says what it is, and removes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.forgetting import exports, journal, ours, state, takes
from backend.forgetting.marked import is_marked
from backend.forgetting.person import Naming, Person
from backend.subject.claims import held_by_name
from shared import layout
from shared.claims import Claims
from shared.errors import InputError
from shared.files import explaining, read_json_object
from shared.scratch import PICTURES, remove_abandoned

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
    last: list[Path] = field(default_factory=list)
    """Files that go before the last of the folders."""

    def to_dict(self) -> dict[str, Any]:
        files = [*self.files, *self.last]
        size = sum(path.lstat().st_size for path in files if os.path.lexists(path))
        return {"what": self.what, "place": str(self.place), "files": len(files), "mb": round(size / _MB, 2)}

    def remove(self) -> None:
        """Remove the files in their order, then the folders that are empty. Raises OSError."""
        _remove_files(self.files)
        _remove_empty(self.folders[:-1])
        _remove_files(self.last)
        _remove_empty(self.folders[-1:])


def _remove_files(files: Iterable[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@dataclass(frozen=True)
class Plan:
    """All that is to go of one person."""

    person: Person
    found_by_others: list[Part]
    """What is found by takes or subject alone, in the order in which it goes: exports, then jobs and logs."""
    takes: list[Part]
    subjects: list[Part]
    """The subject's folder, and before it what killed runs left."""
    logs: list[tuple[Path, Path]]
    """(state folder, log) of which only lines go."""
    state_folders: list[Path]
    """State folders in which something goes."""
    naming: Naming
    stays: list[str]
    """What is left, in sentences."""

    @property
    def parts(self) -> list[Part]:
        """In the order in which they go: what says whose the rest is, and where it lies, comes after the rest."""
        return [*self.found_by_others, *self.takes, *self.subjects]

    def to_dict(self, removed: bool) -> dict[str, Any]:
        """What goes, or has gone where `removed`."""
        return {
            "subject": str(self.person.root),
            "id": self.person.id,
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
    stays = [
        f"{path} has a name that killed runs leave, and does not say that it is of this person: look yourself."
        for path in person.doubtful
    ]
    if person.root not in person.folders and person.root.exists():
        stays.append(f"{person.root} holds no {layout.SUBJECT_FILE}: what is in it is left.")
    with explaining(person.root):
        told = [path for folder in states for path in state.takes_told(folder)]
        told += journal.takes_of(person)
        found = takes.find_takes(person, told, searched, stays)
        naming = Naming(person, found)
        first = _exports(person, states, searched, found, stays)
        logs = []
        for folder in states:
            gone, shortened = state.files_that_name(folder, naming)
            first += [Part("jobs and their logs", folder, gone)] if gone else []
            logs += [(folder, log) for log in shortened]
        faults = state.fault_logs_that_name(naming)
        first += [Part("logs of faults", faults[0].parent, faults)] if faults else []
        first += _parts_of_run(person, found)
        sorted_takes = [
            _part("take", ours.sort_take(folder, takes.own_places(folder, person), person.id), folder, stays)
            for folder in found
        ]
        for place in journal.takes_of(person):
            folders = ours.folders_without_files(place)
            sorted_takes += [Part("folder of a take", place, [], folders)] if folders else []
        subjects = [
            _part(_words(folder, person), ours.sort_subject(folder), folder, stays) for folder in person.folders
        ]
    if not states:
        stays.append(
            "No backend's state folder was found or named (--state-dir): jobs that name the subject may be left."
        )
    name = person.source or "that the subject was made from"
    stays.append(f"The footage {name} is yours and is not touched; nor are .blend files and copies made elsewhere.")
    used = [folder for folder in states if any(part.place == folder for part in first)]
    used += [folder for folder, _ in logs if folder not in used]
    return Plan(person, first, sorted_takes, subjects[::-1], logs, used, naming, stays)


def forget(found: Plan) -> list[Path]:
    """Remove what a plan names; the folders of the person that are there still, since there is more in them.

    Raises InputError where somebody works on it, or where a file cannot be removed: what is left is then found by the
    next run.
    """
    with _held(found), explaining(found.person.root):
        journal.keep(found.person, [part.place for part in found.takes])
        for part in found.found_by_others:
            part.remove()
        for _, log in found.logs:
            state.remove_lines(log, found.naming)
        for part in found.takes:
            part.remove()
        journal.remove(found.person)
        for part in found.subjects:
            part.remove()
    for kind in PICTURES:
        remove_abandoned(kind)
    return [folder for part in found.parts for folder in part.folders if folder.exists()]


@contextmanager
def _held(found: Plan) -> Iterator[None]:
    """Hold the subject, its takes, and the state folders that change; refuse while another one holds any of it."""
    locks, claims = [], Claims()
    try:
        for folder in found.state_folders:
            locks.append(state.hold_state(folder))
        root = found.person.root
        outer = [part.place for part in found.takes if os.access(part.place.parent, os.W_OK)]
        busy = claims.take([root, *outer], "forgotten")
        inner = ours.claims_in(root)  # only now: nobody begins to read it any more
        busy = busy or claims.take(inner, "forgotten")
        if busy is not None:
            path, holder = busy
            place = held_by_name(path)
            told = f"{place} is in use." if holder is None else holder.sentence(str(place))
            raise InputError(told, "Wait for that to end, or cancel it; then run this again.")
        claims.give_back(*inner)  # Windows removes no file that is open
        yield
    finally:
        claims.give_all_back()
        for lock in locks:
            lock.release()


def _part(what: str, found: ours.Sorted, place: Path, stays: list[str]) -> Part:
    stays += [f"{path} is not of this program's making, and is left." for path in found.others[:_SHOWN]]
    if len(found.others) > _SHOWN:
        stays.append(f"So are {len(found.others) - _SHOWN} more files in {place}.")
    links = [path for path in (*found.ours, *found.last) if path.is_symlink()]
    stays += [f"What the link {path} leads to is left." for path in links]
    return Part(what, place, found.ours, found.folders, found.last)


def _exports(
    person: Person, states: list[Path], searched: list[Path], found: list[Path], stays: list[str]
) -> list[Part]:
    """What jobs of ours wrote of the takes for other programs; of what may be such, and is not known to be, is told."""
    jobs = [job for folder in states for job in state.exports_told(folder)]
    written, doubtful = exports.sort_exports(person, jobs, found)
    marked = [path for path in takes.find_marked_exports(person, searched, found) if path not in written]
    stays += exports.told_of(marked)
    half = [path for path in takes.find_half_exported(searched, found) if path not in written]
    stays += [f"{path} was left half-written by an export that was killed: look whom it shows." for path in half]
    stays += [
        f"{path} may show the person, for a take was to be exported to it: look yourself."
        for path in doubtful
        if path not in marked
    ]
    return [Part("exported for another program", path, [path]) for path in written]


def _parts_of_run(person: Person, found: list[Path]) -> list[Part]:
    """The copy of the contact sheet and the report that `talker run` leaves around a subject and its take."""
    out, root = person.root.parent, os.path.realpath(person.root)
    report, sheet = out / layout.REPORT_FILE, out / layout.CONTACT_SHEET_FILE
    if person.root.name != "subject":
        return []
    files = [sheet] if is_marked(sheet, person.id) else []
    try:
        told = read_json_object(report, "") if report.is_file() and not report.is_symlink() else {}
    except InputError:
        told = {}
    is_own = isinstance(subject := told.get("subject"), str) and os.path.realpath(subject) == root
    is_moved = {"subject", "render", "timings_s"} <= told.keys() and Path(os.path.realpath(out / "render")) in found
    files += [report] if is_own or is_moved else []
    return [Part("report and contact sheet", out, files)] if files else []


def _words(folder: Path, person: Person) -> str:
    return "subject with its models" if folder == person.root else "left by a run that was killed"
