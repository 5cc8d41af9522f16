"""The clean plate that goes with a take: of the footage's whole frame, so that a take has all that a shot needs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from backend.media.fill import fill
from backend.media.png import with_text, write_png
from backend.provenance.marks import Marks
from backend.subject.pictures import read_picture
from backend.subject.subject import Subject
from shared import layout
from shared.camera import Crop


def write_plate(folder: Path, subject: Subject, marks: Marks, is_wanted: bool = True) -> tuple[str, ...]:
    """Write plate.png with its marks: the subject's, or for one from before there were any, its crop's with a smooth
    guess around.

    Where none is wanted, since the head is not seen by the footage's camera, there is none. Returns names of files that
    are to go.
    """
    if not is_wanted:
        (folder / layout.PLATE_FILE).unlink(missing_ok=True)
        return (layout.PLATE_FILE,)
    kept = subject.root / layout.PLATE_FILE
    if kept.is_file():
        read_picture(kept, None, 3, deep=True)  # a damaged one ends here, in words
        (folder / layout.PLATE_FILE).write_bytes(with_text(kept.read_bytes(), marks.texts()))
        return ()
    crop_plate = read_picture(subject.root / layout.BACKGROUND_FILE, None, 3, deep=True)
    size = subject.info.footage_width, subject.info.footage_height
    write_png(folder / layout.PLATE_FILE, guessed(crop_plate, subject.crop, size), marks.texts(), fast=True)
    return ()


def guessed(crop_plate: np.ndarray, crop: Crop, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) plate of a frame of `size` (width, height): the crop's (S, S, 3) uint8 or uint16 in its place, smoothly
    continued."""
    width, height = size
    level = np.float32(np.iinfo(crop_plate.dtype).max / 255)
    plate, known = np.zeros((height, width, 3), np.float32), np.zeros((height, width), bool)
    place = slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width)
    plate[place] = cv2.resize(crop_plate / level, (crop.width, crop.height), interpolation=cv2.INTER_CUBIC)
    known[place] = True
    return np.rint(fill(plate, known).clip(0, 255) * level).astype(crop_plate.dtype)
