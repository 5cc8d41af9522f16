"""A finished take as one file for another program; the file's name says which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av

from backend.disk import require_space
from backend.export.finished import FinishedTake
from backend.export.replaceable import require_replaceable
from backend.media.alpha_movie import AlphaMovieWriter
from backend.media.audio import read_audio
from backend.media.container import opened
from backend.performance.curves import Performance
from backend.performance.direction import with_direction
from backend.performance.live_link import SUFFIX, write_live_link
from backend.provenance.credentials import Credentials, configured_credentials
from backend.provenance.marks import REQUIRED, STATEMENT, Marks, of_json
from backend.settings import RenderSettings
from backend.subject.claims import reading_claim
from backend.subject.consent import require_consent
from backend.subject.subject import Subject
from shared import layout
from shared.claims import claiming, handing_out
from shared.errors import InputError
from shared.files import make_writable, require_file
from shared.jobs import Reporter
from shared.timing import fps_text, samples_for_frames

MOVIE = ".mov"
KINDS = {MOVIE: "ProRes 4444 with alpha and sound", SUFFIX: "blend shapes as Live Link Face has them"}
"""What can be written, by the ends of names."""
_BITS_A_PIXEL = 26.0
"""What ProRes 4444 takes at most, alpha included, bits."""


def export(folder: Path, out: Path, report: Reporter) -> dict:
    """Write the finished take in `folder` to `out`. Returns out, kind, frames and fps.

    Raises InputError for a name that ends otherwise, a folder without a finished take, a person whose consent does not
    hold, a file of that name that was not exported from here, and what cannot be read or written.
    """
    kind = KINDS.get(out.suffix.lower())
    if kind is None:
        known = ", ".join(f"{end} ({what})" for end, what in KINDS.items())
        raise InputError(f"Nothing is known of files that end with {out.suffix or 'nothing'!r}.", f"Known: {known}.")
    require_replaceable(out)
    with _held(folder, report) as take:
        _require_consent(take, report)
        make_writable(out.absolute().parent)
        with handing_out(out.absolute(), report):
            return _exported(take, out, kind, report)


def _exported(take: FinishedTake, out: Path, kind: str, report: Reporter) -> dict:
    if out.suffix.lower() == MOVIE:
        frames = _movie(take, out, report)
    else:
        performance = with_direction(Performance.load(take.folder / layout.PERFORMANCE_FILE), take.folder)
        write_live_link(performance, out)
        frames = performance.frame_count
    return {"out": str(out), "kind": kind, "frames": frames, "fps": fps_text(take.fps)}


@contextmanager
def _held(folder: Path, report: Reporter) -> Iterator[FinishedTake]:
    """A take, held so that it is neither rendered anew nor forgotten meanwhile, and its subject where that is known."""
    take = FinishedTake.open(folder)
    writable = os.access(take.folder.absolute().parent, os.W_OK)
    with ExitStack() as claims:
        if take.subject_folder is not None and (take.subject_folder / layout.SUBJECT_FILE).is_file():
            claims.enter_context(reading_claim(take.subject_folder, "exported from", report))
        claims.enter_context(claiming(lambda: [take.folder] if writable else [], "exported", report))
        yield FinishedTake.open(folder)  # it may have been removed, or rendered anew, while this waited


def _require_consent(take: FinishedTake, report: Reporter) -> None:
    """Ask for the consent of the take's subject, where its folder is still where the take says. Raises InputError where
    it does not hold or cannot be read."""
    if take.subject_folder is None or not (take.subject_folder / layout.SUBJECT_FILE).is_file():
        return
    subject = Subject.open(take.subject_folder)
    if take.subject_id in (None, subject.id):
        require_consent(subject, report)


def _movie(take: FinishedTake, out: Path, report: Reporter) -> int:
    if take.layers == "mp4":
        raise InputError(f"{take.folder} holds no frames, only a movie.", "Render the line with --layers exr.")
    height, width = take.picture(take.first).shape[:2]
    needed = len(take.numbers) * height * width * _BITS_A_PIXEL / 8
    require_space(out.absolute().parent, needed, out.name, "Make space, or choose another disk.")
    samples, rate = read_audio(take.folder / layout.AUDIO_FILE)
    sound = (samples[samples_for_frames(take.first - 1, rate, take.fps) :], rate)
    credentials = configured_credentials(RenderSettings())
    texts, marks = _marks(take.folder, credentials)
    report.phase("write", len(take.numbers))

    def sign(movie: Path) -> None:
        if credentials is not None and marks is not None:
            credentials.sign(movie, marks)

    with AlphaMovieWriter(out, width, height, take.fps, sound, texts, sign) as movie:
        for number in take.numbers:
            picture = take.picture(number)
            if picture.shape[:2] != (height, width):
                told = f"{picture.shape[1]} x {picture.shape[0]} px, the first one {width} x {height} px"
                raise InputError(f"Frame {number} of {take.folder} has {told}.", "Render the line again.")
            movie.write(picture)
            report.step()
    return len(take.numbers)


def _marks(folder: Path, credentials: Credentials | None) -> tuple[dict[str, str], Marks | None]:
    """What the take's own movie says of itself, so that this one says it too, signed by whoever signs now; the marks
    are None for a take from before there were any."""
    path = folder / layout.PREVIEW_FILE
    require_file(path, "Render the line again.")
    try:
        with opened(path) as preview:
            metadata = dict(preview.metadata)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}).", "Render the line again.") from error
    texts = {name: text for name, text in metadata.items() if name in ("title", "comment")}
    told = of_json(metadata.get("description", ""))
    if any(name not in told for name in REQUIRED):
        return texts, None
    signed_by = "" if credentials is None else credentials.identity.fingerprint
    marks = Marks(**{**told, "signed_by": signed_by})
    return {**texts, **marks.quicktime_texts(texts.get("comment", STATEMENT))}, marks
