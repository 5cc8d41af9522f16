"""The clean plate of the footage's whole frame: around the crop what the camera saw most of the time, in it the crop's.

Of the person, what hangs out of the crop (arms, the chest below it) stays as it was seen: there the synthesised body
goes over into the recorded one.
"""

from __future__ import annotations

import cv2
import numpy as np

from backend.media.decode import read_frames
from backend.media.png import write_png
from backend.preprocess.stage_run import StageRun
from backend.subject.pictures import read_picture
from shared import layout
from shared.camera import Crop

MAX_SAMPLES, MIN_SAMPLES = 32, 5
"""Frames, spread over the clip, whose median is taken."""
SAMPLE_BYTES = 1 << 28
"""As few of them as this memory holds."""
_STRIP_ROWS = 64


def frame_plate_stage(run: StageRun, count: int) -> None:
    """Write plate.png, after the crop's background.png; of `count` frames, those of the clip that are used."""
    key = run.key("plate", run.keys["background"], run.crop)
    if run.folder.is_done("plate", key, [layout.PLATE_FILE]):
        return
    run.report.phase("clean plate")
    run.folder.begin("plate", [layout.PLATE_FILE])
    crop_plate = read_picture(run.folder.path / layout.BACKGROUND_FILE, None, 3, deep=True)
    plate = whole_plate(_samples(run, count), run.crop, crop_plate)
    write_png(run.folder.path / layout.PLATE_FILE, plate, fast=True)
    run.folder.finish("plate", key)


def whole_plate(samples: list[np.ndarray], crop: Crop, crop_plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) plate of the whole frame, with as many bits as the samples.

    samples: frames (H, W, 3) RGB, uint8 or uint16; crop_plate: (S, S, 3), the crop's, of the same bits.
    """
    plate = np.empty_like(samples[0])
    for top in range(0, len(plate), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        plate[rows] = np.rint(np.median([sample[rows] for sample in samples], axis=0)).astype(plate.dtype)
    place = slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width)
    plate[place] = cv2.resize(crop_plate, (crop.width, crop.height), interpolation=cv2.INTER_CUBIC)
    return plate


def _samples(run: StageRun, count: int) -> list[np.ndarray]:
    """Frames spread over the part of the clip that is used; one where the crop is all of it."""
    info = run.info
    frame_bytes = info.width * info.height * 3 * (2 if info.colour.stored_bits > 8 else 1)
    wanted = min(MAX_SAMPLES, max(MIN_SAMPLES, SAMPLE_BYTES // frame_bytes))
    if (run.crop.width, run.crop.height) == (info.width, info.height):
        wanted = 1
    every = max(1, count // wanted)
    found = []
    for _, rgb in read_frames(run.footage, info, every=every, first=run.first, end=run.first + count):
        run.report.check()
        found.append(rgb)
        if len(found) == wanted:
            break
    return found
