"""Writes a take whose head is the footage itself, with the footage. Runs in the backend's environment.

The footage is of a kind of tests.support.colour_twins. It goes the project's own way: decoded, stored as clean plate,
and delivered as EXR frames, whose head covers the left half of the crop. The picture is rows of one colour each, so
footage, head and plate lie side by side and must look the same; or the drawn presenter, whose face is the head.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.deliver.store import frame_store
from backend.media.colour import FootageColour, chosen_transfer, srgb_to_linear, to_bytes, to_unit
from backend.media.colour_tags import footage_colour
from backend.media.decode import probe, read_frames
from backend.media.png import write_png
from backend.portrait.portrait import PortraitFrame
from shared import layout
from tests.bpy import synthetic_take
from tests.support.colour_twins import KINDS, write_twin
from tests.support.drawn_face import draw_face

COLOURS = (
    *((6, 5, 8), (40, 32, 28), (90, 70, 60), (128, 128, 128), (224, 172, 144), (250, 248, 240)),
    *((200, 30, 30), (20, 160, 60), (30, 50, 210), (235, 210, 40)),
)
"""Dark, mid, skin, bright and saturated."""
ROW_PX, CROP_X, FRAMES = 8, 48, 3
SIZE = ROW_PX * len(COLOURS)
WIDTH = SIZE + 2 * CROP_X


def rows_of_colours() -> tuple[np.ndarray, np.ndarray]:
    """Linear light (SIZE, WIDTH, 3) of rows of one colour, and where the head is (SIZE, SIZE): the crop's left half."""
    rows = srgb_to_linear(np.repeat(np.array(COLOURS) / 255, ROW_PX, axis=0))
    return np.repeat(rows[:, None], WIDTH, axis=1), np.arange(SIZE) < np.full((SIZE, 1), SIZE // 2)


def face() -> tuple[np.ndarray, np.ndarray]:
    """Linear light (256, 352, 3) of the drawn presenter, and where its face is in the crop (256, 256)."""
    pictures, masks = draw_face(256 + 2 * CROP_X, 256)
    return srgb_to_linear(pictures[0] / 255), masks[0][:, CROP_X:-CROP_X]


def write_take(folder: Path, colour: FootageColour, transfer: str, stored: np.ndarray, head: np.ndarray) -> None:
    """A take of one picture `stored`, drawn where `head` (S, S) is; the footage is two margins wider than that."""
    size = len(head)
    crop = ("--crop", CROP_X, 0, size, size, "--size", size, "--footage", size + 2 * CROP_X, size)
    sys.argv = ["synthetic_take", str(folder), *map(str, crop), "--frames", str(FRAMES)]
    synthetic_take.main()
    write_png(folder.parent / "subject" / layout.BACKGROUND_FILE, stored)
    alpha = head.astype(np.float32)
    frame: PortraitFrame[np.ndarray] = PortraitFrame(
        rgb=to_unit(stored) * alpha[..., None],
        alpha=alpha,
        depth=np.full(head.shape, 50, np.float32),
        mattes=np.repeat(alpha[..., None] / 4, 4, axis=2),
    )
    store = frame_store(folder, "exr", transfer, {"m2dao_talker.transfer": transfer}, to_bytes(stored), Fraction(25))
    for number in range(1, FRAMES + 1):
        store.write(number, frame, "key")
    frames = {"first": 1, "colour": transfer, "footage_colour": colour.space}
    (folder / layout.MANIFEST_FILE).write_text(json.dumps({"frames": frames}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--input-colour", default="auto")
    parser.add_argument("--face", action="store_true", help="the drawn presenter; beside the take, one without a head")
    options = parser.parse_args()
    folder, kind = options.folder, KINDS[options.kind]
    light, head = face() if options.face else rows_of_colours()
    clip = folder.parent / f"clip{kind.suffix}"
    write_twin(clip, kind, [light] * FRAMES)
    info = probe(clip)
    assert info.tags.transfer == (2 if kind.tags is None else kind.tags[1]), f"the clip says {info.tags}"
    info = replace(info, colour=footage_colour(info.tags, options.input_colour)[0])
    _, decoded = next(read_frames(clip, info))
    stored = np.ascontiguousarray(decoded[:, CROP_X:-CROP_X])
    transfer = chosen_transfer(options.input_colour)
    write_take(folder, info.colour, transfer, stored, head)
    if options.face:
        write_take(folder.with_name("headless"), info.colour, transfer, stored, np.zeros_like(head))
        np.save(folder.parent / "head.npy", head)
    levels = (to_unit(stored[:, 0]) * 255).tolist()
    (folder / "known.json").write_text(json.dumps({"stored": levels, "clip": str(clip)}))


if __name__ == "__main__":
    main()
