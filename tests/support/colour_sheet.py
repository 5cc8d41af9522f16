"""`python -m tests.support.colour_sheet --out FOLDER`: how near each kind of clip comes to its twin of standard range.

Draws the presenter, writes it as clips of all kinds (tests.support.colour_twins), reads them as footage is read, prints
CIEDE2000 over the face, and writes sheet.png: rows of pictures, each beside its difference four times stronger.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from backend.media.colour import srgb_to_linear, to_bytes
from backend.media.decode import probe, read_frames
from backend.media.png import write_png
from tests.support.colour_difference import picture_difference
from tests.support.colour_twins import KINDS, write_twin
from tests.support.drawn_face import draw_face

SHOWN = ("bt709", "HLG", "PQ", "Display P3", "BT.2020", "HLG without tags")
GAIN = 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.colour_sheet")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where clips and sheet.png go")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    pictures, masks = draw_face(640, 512)
    lights = [srgb_to_linear(picture / 255) for picture in pictures]
    read: dict[str, np.ndarray] = {}
    print("clip                     read as       mean  95 %  (CIEDE2000 over the face, from the 8-bit bt709 clip)")
    for name, kind in KINDS.items():
        path = out / f"{name.replace(' ', '_')}{kind.suffix}"
        write_twin(path, kind, lights)
        info = probe(path)
        read[name] = next(read_frames(path, info))[1]
        face = picture_difference(read[name], read["bt709"])[masks[0]]
        print(f"{name:24s} {info.colour.space:13s} {face.mean():5.2f} {np.percentile(face, 95):5.2f}")
    write_png(out / "sheet.png", np.vstack([_row(name, read) for name in SHOWN]))


def _row(name: str, read: dict[str, np.ndarray]) -> np.ndarray:
    picture, twin = to_bytes(read[name]), read["bt709"]
    change = np.clip(128 + GAIN * (picture.astype(int) - twin), 0, 255).astype(np.uint8)
    row = np.hstack([picture, twin, change])
    return cv2.putText(row, name, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)


if __name__ == "__main__":
    main()
