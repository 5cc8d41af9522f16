"""What the pictures of a render show: the footage's crop under its lens, or a scene's picture under its camera's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.deliver.line import Line
from backend.portrait.portrait import Portrait
from backend.subject.subject import Subject
from shared.camera import Crop, Intrinsics

_NO_PLATE_GREY = 118
"""Display value, mid-grey, behind the preview of a head in a scene."""


@dataclass(frozen=True)
class Shown:
    """The pictures of a render."""

    picture: Intrinsics
    """Their camera."""
    crop: Crop
    """Where they lie in the frame."""
    frame_size: tuple[int, int]
    """Width and height of the frame: the footage's, or the scene's picture."""
    behind: np.ndarray
    """(H, W, 3) uint8, what the preview shows behind the head."""
    intrinsics: Intrinsics | None
    """For `Portrait.render`: None where the picture is the crop's, under the footage's lens."""

    @property
    def side(self) -> int:
        """Side of a square with as many pixels."""
        return round((self.picture.width * self.picture.height) ** 0.5)


def shown_by(subject: Subject, portrait: Portrait, line: Line, size: int) -> Shown:
    """What a line's pictures show; `size` px square where they are the crop's."""
    if line.scene is None:
        info = subject.info
        frame = info.footage_width, info.footage_height
        return Shown(portrait.intrinsics(size), subject.crop, frame, subject.background(size), None)
    picture = line.scene.picture
    behind = np.full((picture.height, picture.width, 3), _NO_PLATE_GREY, np.uint8)
    return Shown(picture, line.scene.crop, (picture.width, picture.height), behind, picture)
