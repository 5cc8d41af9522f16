"""A finished take as a movie with alpha and sound."""

from __future__ import annotations

from pathlib import Path

from backend.disk import require_space
from backend.export.finished import FinishedTake
from backend.media.alpha_movie import AlphaMovieWriter
from backend.media.audio import read_audio
from backend.provenance.credentials import configured_credentials
from backend.provenance.marks import STATEMENT
from backend.settings import RenderSettings
from shared import layout
from shared.jobs import Reporter
from shared.timing import samples_for_frames, timecode_text

_BITS_A_PIXEL = 26.0
"""What ProRes 4444 takes at most, alpha included, bits."""


def write_movie(take: FinishedTake, out: Path, report: Reporter) -> int:
    """Write ProRes 4444 with alpha, sound and the take's time code. Returns how many frames. Raises InputError."""
    take.require_frames()
    height, width = take.picture(take.first).shape[:2]
    needed = len(take.numbers) * height * width * _BITS_A_PIXEL / 8
    require_space(out.absolute().parent, needed, out.name, "Make space, or choose another disk.")
    samples, rate = read_audio(take.folder / layout.AUDIO_FILE)
    sound = (samples[samples_for_frames(take.first - 1, rate, take.fps) :], rate)
    credentials = configured_credentials(RenderSettings())
    texts, marks = take.marks(credentials)
    if marks is not None:
        texts |= marks.quicktime_texts(texts.get("comment", STATEMENT))
    timecode = timecode_text(take.start + take.first - 1, take.fps)
    report.phase("write", len(take.numbers))

    def sign(movie: Path) -> None:
        if credentials is not None and marks is not None:
            credentials.sign(movie, marks)

    with AlphaMovieWriter(out, width, height, take.fps, sound, texts, sign, timecode) as movie:
        for number in take.numbers:
            movie.write(take.picture(number, (height, width)))
            report.step()
    return len(take.numbers)
