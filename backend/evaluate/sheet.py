"""A contact sheet of a comparison: recorded, drawn, the difference."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from backend.media.png import write_png

CELL_PX = 256
DIFFERENCE_GAIN = 4
"""Differences are shown this many times stronger, about mid grey."""


class ComparisonSheet:
    """Collects frames and keeps `columns` of them, spread over all that came."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._kept: list[tuple[int, np.ndarray]] = []
        self._every = 1
        self._count = 0

    def add(self, recorded: np.ndarray, drawn: np.ndarray, synthesised: np.ndarray | None) -> None:
        """One frame: recorded, head drawn over it, all drawn (or None); (S, S, 3) uint8 RGB each."""
        if self._count % self._every == 0:
            pictures = [recorded, drawn, difference(drawn, recorded)]
            if synthesised is not None:
                pictures += [synthesised, difference(synthesised, recorded)]
            column = np.vstack([cv2.resize(p, (CELL_PX, CELL_PX), interpolation=cv2.INTER_CUBIC) for p in pictures])
            self._kept.append((self._count, column))
            if len(self._kept) > 2 * self._columns:
                self._every *= 2
                self._kept = [(index, kept) for index, kept in self._kept if index % self._every == 0]
        self._count += 1

    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8 RGB; rows: recorded, drawn over the recorded, difference, all drawn, difference."""
        chosen = np.unique(np.linspace(0, len(self._kept) - 1, min(self._columns, len(self._kept))).round().astype(int))
        return np.hstack([self._kept[index][1] for index in chosen])

    def save(self, path: Path) -> None:
        """Write as PNG."""
        write_png(path, self.picture())


def difference(picture: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: picture minus recorded, DIFFERENCE_GAIN times, about 128."""
    change = picture.astype(np.int16) - recorded.astype(np.int16)
    return np.clip(128 + DIFFERENCE_GAIN * change, 0, 255).astype(np.uint8)
