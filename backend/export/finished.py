"""A finished take, read: its pictures as they are displayed, its rate and its sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from backend.media import colour, exr
from backend.media.png import read_png
from shared import layout
from shared.errors import InputError
from shared.files import read_json_object
from shared.timing import parse_fps

_AGAIN = "Render the line again."
_SURE = 0.1
"""Where a picture covers less than this, its colour is that of what covers more nearby: the quotient of two small
numbers is noise."""
_REACH_PX = (2.0, 8.0, 32.0)
"""How far such colour is looked for, deviations of a blur."""


@dataclass(frozen=True)
class FinishedTake:
    """What a take's manifest tells of its frames."""

    folder: Path
    first: int
    last: int
    fps: Fraction
    layers: str
    colour_name: str
    """Transfer curve of what is displayed."""

    @classmethod
    def open(cls, folder: Path) -> FinishedTake:
        """Raises InputError for a folder that holds no finished take, with what to do."""
        path = folder / layout.MANIFEST_FILE
        if not path.is_file():
            raise InputError(f"{folder} holds no finished take.", "Name a folder that `talker render` has made.")
        manifest = read_json_object(path, _AGAIN)
        if manifest.get("complete") is not True:
            raise InputError(f"The take in {folder} is not finished.", _AGAIN)
        frames: Any = manifest.get("frames")
        try:
            first, last = int(frames["first"]), int(frames["last"])
            fps = parse_fps(frames["fps"])
            found = cls(folder, first, last, fps, str(frames["layers"]), str(frames["colour"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged ({error!r}).", _AGAIN) from error
        if not 0 < found.first <= found.last or found.layers not in ("exr", "png", "mp4"):
            raise InputError(f"{path} is damaged: frames {first} to {last}, {found.layers}.", _AGAIN)
        return found

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    def picture(self, number: int) -> np.ndarray:
        """(H, W, 4) float32 in [0, 1] of a frame: display-referred colour, straight alpha. Outside the head its colour
        goes on, so that no dark rim comes in where a program blends or compresses it. Raises InputError where the frame
        is missing or damaged."""
        if self.layers == "exr":
            passes, _ = exr.read_layers(self.folder / layout.EXR_NAME.format(frame=number))
            linear = passes[exr.PICTURE].astype(np.float32)
            _, from_linear = colour.transfer(self.colour_name)
            straight = from_linear(colour.unpremultiply(linear[..., :3], linear[..., 3])).astype(np.float32)
            alpha = np.clip(linear[..., 3], 0.0, 1.0)
        else:
            stored = read_png(self.folder / layout.PNG_NAME.format(frame=number), 4, _AGAIN)
            straight, alpha = stored[..., :3].astype(np.float32) / 255.0, stored[..., 3].astype(np.float32) / 255.0
        return np.concatenate([_beyond_its_edge(straight, alpha), alpha[..., None]], axis=2)


def _beyond_its_edge(straight: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colour (H, W, 3) that goes on where alpha (H, W) is next to nothing."""
    filled = straight.copy()
    missing = alpha < _SURE
    sure = np.where(missing, 0.0, alpha).astype(np.float32)
    weighed = np.dstack([straight * sure[..., None], sure])
    for reach in _REACH_PX:
        around = cv2.GaussianBlur(weighed, (0, 0), reach)
        found = missing & (around[..., 3] > 1e-3)
        filled[found] = around[found][:, :3] / around[found][:, 3:]
        missing &= ~found
    if missing.any() and sure.any():
        filled[missing] = weighed[..., :3].sum((0, 1)) / sure.sum()
    return np.asarray(np.clip(filled, 0.0, 1.0))
