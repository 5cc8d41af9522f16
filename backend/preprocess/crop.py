"""One fixed square of the footage that holds the speaker's head and shoulders throughout the clip."""

from __future__ import annotations

import cv2
import numpy as np

from shared.camera import Crop

ABOVE, BELOW, BESIDE = 0.75, 1.1, 1.0
"""Margins around the region the face mesh sweeps, in face heights: hair above, neck and shoulders below, both sides."""
OUTLIER_PERCENT = 2.0
"""This share of the face boxes at either end is left out when the swept region is measured."""
STEP_PX = 2
"""The crop's side and the stored size are multiples of this."""


def head_and_shoulders(boxes: np.ndarray, width: int, height: int) -> Crop:
    """Square that holds head and shoulders in every frame.

    boxes (N, 4) left, top, right, bottom of the face mesh in the footage's px; width, height of the footage. The
    square is moved inside the frame, and made smaller where the frame is.
    """
    low = np.percentile(boxes[:, :2], OUTLIER_PERCENT, axis=0)
    high = np.percentile(boxes[:, 2:], 100 - OUTLIER_PERCENT, axis=0)
    face = float(np.median(boxes[:, 3] - boxes[:, 1]))
    left, right = low[0] - BESIDE * face, high[0] + BESIDE * face
    top, bottom = low[1] - ABOVE * face, high[1] + BELOW * face
    side = min(max(right - left, bottom - top), width, height)
    side = int(side) // STEP_PX * STEP_PX
    x = int(np.clip(round((left + right - side) / 2), 0, width - side))
    # Height to spare goes below the face: shoulders matter, air above the hair does not.
    y = int(np.clip(round(max(top, 0.0)), 0, height - side))
    return Crop(x, y, side, side)


def stored_size(crop: Crop, wanted: int) -> int:
    """Width and height of the stored frames: `wanted`, but never more than the crop has."""
    return max(STEP_PX, min(wanted, crop.width) // STEP_PX * STEP_PX)


def cut(rgb: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """(size, size, 3) crop of a frame (H, W, 3), uint8 or uint16, resampled by area."""
    part = rgb[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    if part.shape[0] != size:
        part = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(part)
