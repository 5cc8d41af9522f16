"""The face's part of every frame in grey, band-passed, with its derivatives: what pose refinement compares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from backend.parallel import in_order


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
        self._path, self._shape = path, (height, width)

        def grey_of(index: int) -> np.ndarray:
            part = frames[index][self.top : bottom, self.left : right]
            grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
            return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)

        with open(path, "wb") as file:
            for grey in in_order(grey_of, range(len(frames))):
                file.write(grey.tobytes())

    def read(self, index: int) -> np.ndarray:
        """(h, w, 3) float32: band-passed grey, its x and its y derivative."""
        # Read, not mapped: mapped pages count as this process's memory, and would grow with the clip.
        height, width = self._shape
        grey = np.fromfile(self._path, np.uint8, height * width, offset=index * height * width)
        grey = grey.reshape(height, width).astype(np.float32)
        fine = cv2.GaussianBlur(grey, (0, 0), self._fine_px)
        band = fine - cv2.GaussianBlur(grey, (0, 0), self._coarse_px)
        dx = cv2.Sobel(band, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        dy = cv2.Sobel(band, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        return cv2.merge([band, dx, dy])

    def to_picture(self, points_px: np.ndarray) -> np.ndarray:
        """Stored-frame px (…, 2) to px of the pictures."""
        return (points_px - [self.left, self.top]) * self.scales
