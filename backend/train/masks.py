"""Hard region maps: every pixel belongs to one region, as with masks of a segmenter that tells no edges."""

from __future__ import annotations

import numpy as np

from backend.subject.pictures import Pictures


class HardMasks:
    """Soft region maps (S, S, 4) uint8 as hard ones: 255 for the region that has most of a pixel, 0 for the others, and
    for all where the background has most."""

    def __init__(self, soft: Pictures) -> None:
        self._soft = soft

    def __len__(self) -> int:
        return len(self._soft)

    def __getitem__(self, index: int) -> np.ndarray:
        return hardened(self._soft[index])

    def part(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """As `Pictures.part`."""
        return hardened(self._soft.part(index, rows, columns))


def hardened(regions: np.ndarray) -> np.ndarray:
    """(..., 4) uint8 hard map of soft ones (..., 4) uint8."""
    background = np.maximum(255 - regions.astype(np.int16).sum(axis=-1, keepdims=True), 0)
    most = np.concatenate([background, regions], axis=-1).argmax(axis=-1)
    return np.where(most[..., None] == np.arange(1, regions.shape[-1] + 1), np.uint8(255), np.uint8(0))
