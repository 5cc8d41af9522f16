"""A finished take as a timeline for editing programs: its frames, or its movie, over its sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from backend.export.finished import FinishedTake
from shared import layout
from shared.editorial import AUDIO, OURS, VIDEO, Clip, Media, Track, timeline_text
from shared.files import require_file, write_text

_AGAIN = "Render the line again."


def write_timeline(take: FinishedTake, out: Path) -> int:
    """Write the take as OpenTimelineIO, from its first drawn frame on. Returns how many frames. Raises InputError for
    media that are missing, OSError."""
    frames, first = len(take.numbers), take.start + take.first - 1
    if take.layers == "mp4":
        picture = Media(take.folder / layout.PREVIEW_FILE, take.fps, first, frames)
    else:
        picture = Media(take.frame_path(take.first), take.fps, first, frames, take.first)
    sound = Media(take.folder / layout.AUDIO_FILE, take.fps, take.start, take.last)
    for media in (picture, sound):
        require_file(media.path, _AGAIN)
    name, length = take.folder.resolve().name, Fraction(frames)
    tracks = [
        Track("Head", VIDEO, [Clip(name, picture, Fraction(0), length)]),
        Track("Dialogue", AUDIO, [Clip(name, sound, Fraction(0), length, Fraction(take.first - 1))]),
    ]
    texts, marks = take.marks(None)
    told = {"comments": texts.get("comment", "")} if marks is None else marks.texts()
    write_text(out, timeline_text(name, take.fps, first, tracks, out.absolute().parent, {OURS: told}))
    return frames
