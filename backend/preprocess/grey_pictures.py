"""The face's part of every frame in grey, band-passed, with its derivatives: what pose refinement compares."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

WORKERS = 2


class GreyPictures:
    """The face's part of every frame in grey at the working scale, on disk; read with its gradients."""

    def __init__(
        self, frames: Sequence[np.ndarray], box: np.ndarray, scale: float, fine_px: float, coarse_px: float, path: Path
    ) -> None:
        """Cut `box` (left, top, right, bottom px) out of the frames (S, S, 3) uint8 RGB, resample by `scale`, keep in
        the file `path`. fine_px, coarse_px: standard deviations between which structure is kept, px of the result."""
        side = frames[0].shape[0]
        self.left, self.top = np.maximum(np.floor(box[:2]), 0).astype(int)
        right, bottom = np.minimum(np.ceil(box[2:]), side).astype(int)
        self._fine_px, self._coarse_px = fine_px, coarse_px
        width, height = (
            max(8, round((end - start) * scale)) for start, end in ((self.left, right), (self.top, bottom))
        )
        self.scales = np.array([width / (right - self.left), height / (bottom - self.top)])
        self._grey = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(frames), height, width))

        def store(index: int) -> None:
            part = frames[index][self.top : bottom, self.left : right]
            grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
            self._grey[index] = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(store, range(len(frames))))

    def close(self) -> None:
        """Let go of the file (Windows cannot delete it otherwise)."""
        del self._grey

    def read(self, index: int) -> np.ndarray:
        """(h, w, 3) float32: band-passed grey, its x and its y derivative."""
        grey = self._grey[index].astype(np.float32)
        fine = cv2.GaussianBlur(grey, (0, 0), self._fine_px)
        band = fine - cv2.GaussianBlur(grey, (0, 0), self._coarse_px)
        dx = cv2.Sobel(band, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        dy = cv2.Sobel(band, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        return cv2.merge([band, dx, dy])

    def to_picture(self, points_px: np.ndarray) -> np.ndarray:
        """Stored-frame px (…, 2) to px of the pictures."""
        return (points_px - [self.left, self.top]) * self.scales
