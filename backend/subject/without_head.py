"""Frames without their heads: what lies behind a head that has no torso of its own."""

from __future__ import annotations

import numpy as np

from backend.subject.behind import behind_head
from backend.subject.pictures import Pictures


class WithoutHead:
    """Frames (S, S, 3) uint8 without their heads (subject.behind): the background of the same picture in evaluation."""

    def __init__(self, frames: Pictures, regions: Pictures, plate: np.ndarray) -> None:
        """plate: (S, S, 3) uint8."""
        self._frames, self._regions, self._plate = frames, regions, plate

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> np.ndarray:
        return behind_head(self._frames[index], self._regions[index], self._plate)

    def part(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """As `Pictures.part`; what goes on behind the head is taken from what the part shows."""
        frame, regions = (pictures.part(index, rows, columns) for pictures in (self._frames, self._regions))
        return behind_head(frame, regions, self._plate[rows, columns])
