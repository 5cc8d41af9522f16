"""A finished take: a disc of one colour with a soft edge, darker by frame; a tone that begins with frame 3.

As a program: writes the take and all that it is exported to, for a Blender that opens them.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.deliver import package, provenance
from backend.export.export import export
from backend.export.finished import FinishedTake
from backend.media import colour, exr
from backend.media.encode import MovieWriter
from backend.performance.curves import FACE_CURVES, Performance
from backend.provenance.marks import DRAWN_OVER_FOOTAGE, Marks
from shared import layout
from shared.jobs import Reporter
from shared.timing import parse_timecode

SIZE, FIRST, LAST = 48, 3, 8
FPS = Fraction(30000, 1001)
RATE = 16000
MARKS = Marks("0123456789abcdef", "a take", "given by A. Nobody", DRAWN_OVER_FOOTAGE)
SKIN = np.array([0.8, 0.55, 0.45])


def make_take(folder: Path, timecode: str | None = None) -> Path:
    """The take in a folder; timecode: of the line's first frame, None for a take from before there were any."""
    folder.mkdir()
    y, x = np.mgrid[:SIZE, :SIZE]
    alpha = np.clip((14 - np.hypot(x - 23.5, y - 23.5)) / 4 + 0.5, 0, 1)
    to_linear, _ = colour.transfer("srgb")
    start = parse_timecode(timecode or "00:00:00:00", FPS)
    for number in range(FIRST, LAST + 1):
        linear = to_linear(SKIN * (1 - number / 40))
        combined = np.concatenate([alpha[..., None] * linear, alpha[..., None]], axis=2)
        path = folder / layout.EXR_NAME.format(frame=number)
        exr.write_layers(path, {"Combined": combined, "Depth": alpha}, time=exr.FrameTime(number, FPS, start))
    with MovieWriter(
        folder / layout.PREVIEW_FILE, 16, 16, FPS, None, provenance.movie_metadata("t", MARKS, {})
    ) as movie:
        movie.write(np.zeros((16, 16, 3), np.uint8))
    sound = np.zeros(round(10 / FPS * RATE), np.float32)
    sound[round(2 / FPS * RATE) :] = 0.5
    package.write_sound(folder, [sound], RATE, 10, FPS, MARKS, start)
    curves = np.random.default_rng(0).random((10, len(FACE_CURVES))).astype(np.float32)
    Performance.from_array(FPS, curves, FACE_CURVES).save(folder / layout.PERFORMANCE_FILE)
    frames = {"first": FIRST, "last": LAST, "fps": "30000/1001", "layers": "exr", "colour": "srgb"}
    if timecode is not None:
        frames["timecode"] = timecode
    (folder / layout.MANIFEST_FILE).write_text(json.dumps({"complete": True, "frames": frames}))
    return folder


def main(folder: Path, timecode: str) -> None:
    """The take, its exports, and `pictures.npy`: (T, H, W, 4) straight sRGB in [0, 1]."""
    take = make_take(folder / "take", timecode)
    for name in ("head.mov", "head.png"):
        export(take, folder / name, Reporter())
    finished = FinishedTake.open(take)
    np.save(folder / "pictures.npy", np.stack([finished.picture(number) for number in finished.numbers]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
