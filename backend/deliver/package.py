"""What is delivered beside the frames: sound and a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from backend.media import riff
from backend.media.audio import fitted, save_wav_blocks
from backend.media.png import write_png
from backend.provenance.marks import Marks
from shared import layout
from shared.timing import samples_for_frames

SHEET_COLUMNS, SHEET_ROWS = 6, 2
SHEET_CELL_PX = 256
"""Width and height of a picture on the contact sheet, px."""
_CAPTION_PX = 22
_SHEET_GREY = 24


def write_sound(
    folder: Path, blocks: Iterable[np.ndarray], rate: int, frame_count: int, fps: Fraction, marks: Marks, start: int = 0
) -> None:
    """Write audio.wav: the line's sound cut or lengthened to `frame_count` frames, to the nearest sample. start: frames
    from midnight to the line's first, by its time code."""
    sound = fitted(blocks, samples_for_frames(frame_count, rate, fps))
    origin = riff.Origin(samples_for_frames(start, rate, fps), marks.statement, marks.program)
    save_wav_blocks(folder / layout.AUDIO_FILE, sound, rate, marks.sound_texts(), origin)


def sheet_frames(first: int, last: int) -> list[int]:
    """Numbers of the frames on the contact sheet, spread evenly over first..last."""
    count = min(SHEET_COLUMNS * SHEET_ROWS, last - first + 1)
    return [int(n) for n in np.unique(np.linspace(first, last, count).round().astype(int))]


def write_contact_sheet(path: Path, pictures: Mapping[int, np.ndarray], marks: Marks) -> None:
    """Write a PNG with pictures (H, W, 3) uint8 by frame number, in order, each with its number underneath."""
    columns = min(SHEET_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (SHEET_CELL_PX + _CAPTION_PX), columns * SHEET_CELL_PX, 3), _SHEET_GREY, np.uint8)
    for index, number in enumerate(sorted(pictures)):
        top, left = (index // columns) * (SHEET_CELL_PX + _CAPTION_PX), (index % columns) * SHEET_CELL_PX
        sheet[top : top + SHEET_CELL_PX, left : left + SHEET_CELL_PX] = sheet_cell(pictures[number])
        cv2.putText(
            sheet, f"{number:06d}", (left + 8, top + SHEET_CELL_PX + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45,
            (210, 210, 210), 1, cv2.LINE_AA,
        )  # fmt: skip
    write_png(path, sheet, marks.texts())


def sheet_cell(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 at the contact sheet's size; one that is not square in the middle of its cell."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    method = cv2.INTER_AREA if longest > SHEET_CELL_PX else cv2.INTER_CUBIC
    wide, high = (max(1, round(side * SHEET_CELL_PX / longest)) for side in (width, height))
    small = cv2.resize(picture, (wide, high), interpolation=method)
    if wide == high:
        return small
    cell = np.full((SHEET_CELL_PX, SHEET_CELL_PX, 3), _SHEET_GREY, np.uint8)
    top, left = (SHEET_CELL_PX - high) // 2, (SHEET_CELL_PX - wide) // 2
    cell[top : top + high, left : left + wide] = small
    return cell
