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
_LAST_NUMBER = 999_999
"""The last frame that has a name."""
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
    subject_id: str | None = None
    """Id of the subject; None for a take from before takes told it."""
    subject_folder: Path | None = None
    """Where the subject's folder was when the take was made, if the take tells."""

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
            first, last = frames["first"], frames["last"]
            if type(first) is not int or type(last) is not int or not 0 < first <= last <= _LAST_NUMBER:
                raise ValueError(f"frames {str(first)[:20]} to {str(last)[:20]}")
            if frames["layers"] not in ("exr", "png", "mp4"):
                raise ValueError(f"layers {frames['layers']!r}")
            colour.transfer(frames["colour"])
            fps = parse_fps(frames["fps"])
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error!r}).", _AGAIN) from error
        subject, beside = manifest.get("subject"), manifest.get("subject_folder")
        return cls(
            folder, first, last, fps, frames["layers"], frames["colour"],
            subject if isinstance(subject, str) and subject else None,
            folder / beside if isinstance(beside, str) and beside else None,
        )  # fmt: skip

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    def picture(self, number: int) -> np.ndarray:
        """(H, W, 4) float32 in [0, 1] of a frame: display-referred colour, straight alpha. Outside the head its colour
        goes on, so that no dark rim comes in where a program blends or compresses it. Raises InputError where the frame
        is missing or damaged, or has no picture with alpha."""
        if self.layers == "exr":
            path = self.folder / layout.EXR_NAME.format(frame=number)
            passes, _ = exr.read_layers(path)
            if exr.PICTURE not in passes or passes[exr.PICTURE].shape[2:] != (4,):
                raise InputError(f"{path} holds no picture with alpha ({exr.PICTURE}, RGBA).", _AGAIN)
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
