"""Files that takes were exported to: which of them this program wrote, and which are only to be looked at."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.forgetting.marked import is_marked
from backend.forgetting.person import Person
from backend.performance.live_link import COLUMNS, SUFFIX
from shared.files import leftovers_of

MOVIE = ".mov"
NUMBERED = (".png", ".ply", ".spz")
"""Endings of exported files of which there is one for each frame."""
MARKED = (MOVIE, ".otio", *NUMBERED)
"""Endings of exported files that carry marks."""
ENDINGS = (*MARKED, SUFFIX)
"""Of the names of files that are exported."""
_HEADER = ",".join(("Timecode", "BlendShapeCount", *COLUMNS)).encode()
_COARSE_S = 2.0
"""By so much the time of a file may lie before the moment when it was written: disks keep coarse times."""


@dataclass(frozen=True)
class ExportJob:
    """A job that was to export a take."""

    out: Path
    """Absolute."""
    take: Path
    """With no link in it."""
    ran: tuple[float, float] | None
    """When it ran, seconds since 1970; None: it did not end well, or does not say when."""


def sort_exports(person: Person, jobs: Iterable[ExportJob], takes: Collection[Path]) -> tuple[list[Path], list[Path]]:
    """(files that jobs wrote of a person, others that jobs of the person's takes name and that are there).

    A job alone proves nothing: it may have failed because another file has the name, or another file may have taken the
    place of what it wrote. So the file has to be of the time of the job, and to say what it is.
    """
    ours, named = set(), set()
    for job in jobs:
        is_of_take = job.take in takes
        if is_of_take:
            ours.update(_left_of(job.out))
        if _is_written_by(job, person, is_of_take):
            ours.add(Path(os.path.realpath(job.out)))
        elif is_of_take and os.path.lexists(job.out):
            named.add(job.out)
    return sorted(ours), sorted(path for path in named if Path(os.path.realpath(path)) not in ours)


def _left_of(out: Path) -> list[Path]:
    """What exports to a file left half-written when they were killed: nobody else's files have such names."""
    try:
        return [Path(os.path.realpath(path)) for path in leftovers_of(out) if not path.is_symlink()]
    except OSError:
        return []


def _is_written_by(job: ExportJob, person: Person, is_of_take: bool) -> bool:
    try:
        if job.ran is None or job.out.is_symlink() or not job.out.is_file():
            return False
        begun, ended = job.ran
        if not begun - _COARSE_S <= job.out.stat().st_mtime <= ended:
            return False
        ending = job.out.suffix.lower()
        if ending in MARKED:
            return is_marked(job.out, person.id)
        return ending == SUFFIX and is_of_take and _first_line(job.out) == _HEADER
    except OSError:
        return False


def told_of(marked: Iterable[Path]) -> list[str]:
    """A sentence for each file, and one for all whose names differ in their numbers only."""
    alike: dict[tuple[Path, str], list[Path]] = {}
    for path in marked:
        alike.setdefault((path.parent, re.sub(r"\d+", "#", path.name)), []).append(path)
    return [
        f"{paths[0]} carries this person's marks: remove it yourself."
        if len(paths) == 1
        else f"{paths[0]} and {len(paths) - 1} more of such names carry this person's marks: remove them yourself."
        for paths in alike.values()
    ]


def _first_line(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.readline(len(_HEADER) + 2).rstrip(b"\r\n")
