"""A finished take, read: its pictures as they are displayed, its rate and its sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from backend.media import colour, exr
from backend.media.container import opened
from backend.media.png import read_png
from backend.provenance.credentials import Credentials
from backend.provenance.marks import REQUIRED, Marks, of_json
from shared import layout
from shared.errors import InputError
from shared.files import read_json_object, require_file
from shared.timing import parse_fps, parse_timecode

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
    start: int = 0
    """Frames from midnight to the line's first, by its time code."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """All that the manifest says."""

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
            start = parse_timecode(frames.get("timecode", "00:00:00:00"), fps)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error!r}).", _AGAIN) from error
        subject, beside = manifest.get("subject"), manifest.get("subject_folder")
        return cls(
            folder, first, last, fps, frames["layers"], frames["colour"],
            subject if isinstance(subject, str) and subject else None,
            folder / beside if isinstance(beside, str) and beside else None, start, manifest,
        )  # fmt: skip

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    def frame_path(self, number: int) -> Path:
        """The file of a frame."""
        name = layout.EXR_NAME if self.layers == "exr" else layout.PNG_NAME
        return self.folder / name.format(frame=number)

    def require_frames(self) -> None:
        """Raises InputError for a take that is a movie only."""
        if self.layers == "mp4":
            raise InputError(f"{self.folder} holds no frames, only a movie.", "Render the line with --layers exr.")

    def picture(self, number: int, expected: tuple[int, int] | None = None, curve: str | None = None) -> np.ndarray:
        """(H, W, 4) float32 in [0, 1] of a frame: display-referred colour, straight alpha. Outside the head its colour
        goes on, so that no dark rim comes in where a program blends or compresses it.

        expected: height and width of the take's other pictures; curve: the transfer curve of the colour, None: the
        take's. Raises InputError where the frame is missing or damaged, has another size, or no picture with alpha.
        """
        picture = self._picture(number, curve or self.colour_name)
        if expected not in (None, picture.shape[:2]):
            told = f"{picture.shape[1]} x {picture.shape[0]} px, the first one {expected[1]} x {expected[0]} px"
            raise InputError(f"Frame {number} of {self.folder} has {told}.", _AGAIN)
        return picture

    def _picture(self, number: int, curve: str) -> np.ndarray:
        if self.layers == "exr":
            path = self.frame_path(number)
            passes, _ = exr.read_layers(path)
            if exr.PICTURE not in passes or passes[exr.PICTURE].shape[2:] != (4,):
                raise InputError(f"{path} holds no picture with alpha ({exr.PICTURE}, RGBA).", _AGAIN)
            linear = passes[exr.PICTURE].astype(np.float32)
            _, from_linear = colour.transfer(curve)
            straight = from_linear(colour.unpremultiply(linear[..., :3], linear[..., 3])).astype(np.float32)
            alpha = np.clip(linear[..., 3], 0.0, 1.0)
        else:
            stored = read_png(self.frame_path(number), 4, _AGAIN)
            straight, alpha = stored[..., :3].astype(np.float32) / 255.0, stored[..., 3].astype(np.float32) / 255.0
            if curve != self.colour_name:
                to_linear, from_linear = colour.transfer(self.colour_name)[0], colour.transfer(curve)[1]
                straight = from_linear(to_linear(straight)).astype(np.float32)
        return np.concatenate([_beyond_its_edge(straight, alpha), alpha[..., None]], axis=2)

    def marks(self, credentials: Credentials | None) -> tuple[dict[str, str], Marks | None]:
        """Title and comment of the take's own movie, and the marks in it, signed by whoever signs now; the marks are
        None for a take from before there were any. Raises InputError where the movie is missing or damaged."""
        path = self.folder / layout.PREVIEW_FILE
        require_file(path, _AGAIN)
        try:
            with opened(path) as preview:
                metadata = dict(preview.metadata)
        except (OSError, av.FFmpegError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}).", _AGAIN) from error
        texts = {name: text for name, text in metadata.items() if name in ("title", "comment")}
        told = of_json(metadata.get("description", ""))
        if any(name not in told for name in REQUIRED):
            return texts, None
        signed_by = "" if credentials is None else credentials.identity.fingerprint
        return texts, Marks(**{**told, "signed_by": signed_by})


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
