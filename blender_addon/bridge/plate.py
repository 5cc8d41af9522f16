"""The clean plate of a take: the footage's background without the person, and which part of the frame it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..shared import layout
from .fit import Part
from .take import Take

CROP_ONLY = (
    "The clean plate covers the head's part of the footage alone, so that its rims are empty. Preprocess the footage "
    "again and render the line again (its frames are kept), and it covers all."
)


@dataclass(frozen=True)
class Plate:
    """A picture of the background."""

    path: Path
    part: Part
    """Where it lies in the footage's frame."""
    is_whole: bool
    """Whether that is all of the frame."""


def find(take: Take, subject: Path | None) -> Plate | None:
    """The take's own plate, of the footage's whole frame; else the plate of its crop.

    That is looked for in the folder given, in the one that the take's manifest tells, and beside the take.
    """
    own = take.folder / layout.PLATE_FILE
    if own.is_file():
        return Plate(own.resolve(), Part(0, 0, *take.footage_size), True)
    if take.has_given_lens:
        return None
    told = take.manifest.get("subject_folder") or take.manifest.get("subject")  # an absolute path up to schema 2
    named = take.folder / told if isinstance(told, str) else None
    candidates = [subject, named, take.folder.parent / "subject"]
    for folder in candidates:
        if folder is not None and (folder / layout.BACKGROUND_FILE).is_file():
            crop = take.crop
            is_whole = (crop.x, crop.y, crop.width, crop.height) == (0, 0, *take.footage_size)
            part = Part(crop.x, crop.y, crop.width, crop.height)
            return Plate((folder / layout.BACKGROUND_FILE).resolve(), part, is_whole)
    return None
