"""A finished take as files for another program; the name of what is to be written says which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from backend.export.finished import FinishedTake
from backend.export.movie import write_movie
from backend.export.options import ExportOptions
from backend.export.pictures import write_pictures
from backend.export.replaceable import require_replaceable
from backend.export.splats import PLY, SPZ, write_splats
from backend.export.timeline import write_timeline
from backend.performance.curves import Performance
from backend.performance.direction import with_direction
from backend.performance.live_link import SUFFIX, write_live_link
from backend.subject.claims import reading_claim
from backend.subject.consent import require_consent
from backend.subject.subject import Subject
from shared import layout
from shared.claims import claiming, handing_out
from shared.editorial import ENDING as TIMELINE
from shared.errors import InputError
from shared.files import intended_name, make_writable
from shared.jobs import Reporter
from shared.numbered import Numbered
from shared.timing import fps_text, parse_frame_range

MOVIE, PICTURES = ".mov", ".png"
KINDS = {
    MOVIE: "ProRes 4444 with alpha and sound",
    PICTURES: "numbered PNG pictures with alpha",
    PLY: "numbered files of Gaussians, as 3D Gaussian Splatting has them",
    SPZ: "numbered files of Gaussians, compressed (Niantic's SPZ)",
    TIMELINE: "a timeline for editing programs (OpenTimelineIO)",
    SUFFIX: "blend shapes as Live Link Face has them",
}
"""What can be written, by the ends of names."""
_NUMBERED = (PICTURES, PLY, SPZ)


def export(folder: Path, out: Path, report: Reporter, options: ExportOptions | None = None) -> dict:
    """Write the finished take in `folder` to `out`. Returns out, kind, frames, fps, and for numbered files the `first`
    and the `last`; `out` is then their name with # for the digits.

    Raises InputError for a name that ends otherwise, a folder without a finished take, a person whose consent does not
    hold, a file of that name that was not exported from here, and what cannot be read or written.
    """
    options = options or ExportOptions()
    ending = out.suffix.lower()
    kind = KINDS.get(ending)
    if kind is None:
        known = ", ".join(f"{end} ({what})" for end, what in KINDS.items())
        raise InputError(f"Nothing is known of files that end with {out.suffix or 'nothing'!r}.", f"Known: {known}.")
    if ending not in _NUMBERED:
        if options.frames is not None:
            raise InputError(f"A file that ends with {ending} has all frames of the take.", "Leave --frames out.")
        require_replaceable(out)
    with _held(folder, options.subject, report) as take:
        _require_consent(take, options.subject or take.subject_folder, report)
        told = {"out": str(out), "kind": kind, "fps": fps_text(take.fps)}
        if ending in _NUMBERED:
            return told | _numbered(take, Numbered.of(out), ending, report, options)
        make_writable(out.absolute().parent)
        with handing_out(out.absolute(), report):
            return told | {"frames": _exported(take, out, ending, report)}


def _exported(take: FinishedTake, out: Path, ending: str, report: Reporter) -> int:
    """Write one file of all frames; how many there are."""
    if ending == MOVIE:
        return write_movie(take, out, report)
    if ending == TIMELINE:
        return write_timeline(take, out)
    performance = with_direction(Performance.load(take.folder / layout.PERFORMANCE_FILE), take.folder)
    write_live_link(performance, out)
    return performance.frame_count


def _numbered(take: FinishedTake, files: Numbered, ending: str, report: Reporter, options: ExportOptions) -> dict:
    """Write the kinds of which each frame is a file."""
    numbers = take.numbers
    if options.frames is not None:
        try:
            first, last = parse_frame_range(options.frames, take.last)
        except ValueError as error:
            raise InputError(f"{str(error).capitalize()}.", "Correct --frames.") from error
        if first < take.first:
            raise InputError(f"The take begins with frame {take.first}.", "Correct --frames.")
        numbers = range(first, last + 1)
    _require_no_take(files)
    for number in numbers:
        require_replaceable(files.path(number))
    make_writable(files.folder.absolute())
    with handing_out(files.pattern.absolute(), report):
        _remove_half_written(files, report)
        if ending == PICTURES:
            write_pictures(take, files, numbers, options.deep, report)
        else:
            write_splats(take, files, numbers, ending, options, report)
    names = {"first": str(files.path(numbers.start)), "last": str(files.path(numbers.stop - 1))}
    return {"out": str(files.pattern), "frames": len(numbers), **names}


def _require_no_take(files: Numbered) -> None:
    """Raises InputError where numbered files would lie among a take's own frames, or in the place of them."""
    if all((files.folder / name).is_file() for name in (layout.MANIFEST_FILE, layout.PREVIEW_FILE)):
        what = f"{files.folder} is a take: {files.pattern.name} would lie among its own frames, or replace them."
        raise InputError(what, "Export to a folder of its own.")


def _remove_half_written(files: Numbered, report: Reporter) -> None:
    """Remove what killed exports left half-written of numbered files, and say so."""
    left = [path for path in files.folder.iterdir() if (name := intended_name(path)) and files.is_one(name)]
    for path in left:
        path.unlink()
    if left:
        told = f"parts of {len(left)} of {files.pattern.name}"
        report.message(f"Removed from {files.folder}, half-written by a run that was killed: {told}.")


@contextmanager
def _held(folder: Path, subject: Path | None, report: Reporter) -> Iterator[FinishedTake]:
    """A take, held so that it is neither rendered anew nor forgotten meanwhile, and its subject where that is known.
    subject: its folder, where the take does not say."""
    take = FinishedTake.open(folder)
    writable = os.access(take.folder.absolute().parent, os.W_OK)
    root = subject or take.subject_folder
    with ExitStack() as claims:
        if root is not None and (root / layout.SUBJECT_FILE).is_file():
            claims.enter_context(reading_claim(root, "exported from", report))
        claims.enter_context(claiming(lambda: [take.folder] if writable else [], "exported", report))
        yield FinishedTake.open(folder)  # it may have been removed, or rendered anew, while this waited


def _require_consent(take: FinishedTake, root: Path | None, report: Reporter) -> None:
    """Ask for the consent of the take's subject, where its folder `root` is known and there. Raises InputError where it
    does not hold or cannot be read."""
    if root is None or not (root / layout.SUBJECT_FILE).is_file():
        return
    subject = Subject.open(root)
    if take.subject_id in (None, subject.id):
        require_consent(subject, report)
