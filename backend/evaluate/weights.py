"""Where pictures are scored: weights (H, W) float32 in [0, 1] of a frame's regions.

Region maps are (H, W, 4) uint8: oral, face, hair, torso. Widths are shares of the picture's longer side.
"""

from __future__ import annotations

import cv2
import numpy as np

HEAD_SPILL = 0.025
"""The head's region is grown by this much, so that hair or haze outside its edge counts too."""
EDGE_REACH = 0.0125
"""The band of the head's outline reaches this far to either side."""
NECK_SPILL = 0.015
"""The border of head and torso is grown by this much."""
MOUTH_MARGIN = 0.25
"""The mouth's box reaches this share of the lips' width beyond them."""
_SHARED = 0.1
"""Share of a pixel that head and torso must both have for it to be their border."""


def head_weight(regions: np.ndarray) -> np.ndarray:
    """0 or 1: the head (oral, face, hair), grown by HEAD_SPILL."""
    return _grown(_head(regions), HEAD_SPILL).astype(np.float32)


def face_weight(regions: np.ndarray) -> np.ndarray:
    """The share of each pixel that is face or mouth cavity."""
    return regions[..., :2].sum(axis=2, dtype=np.float32) / 255.0


def hair_weight(regions: np.ndarray) -> np.ndarray:
    """The share of each pixel that is hair."""
    return regions[..., 2].astype(np.float32) / 255.0


def edge_weight(regions: np.ndarray) -> np.ndarray:
    """0 or 1: a band about the head's outline against the background, where hair ends and mattes are soft.

    The border with the torso is left out: `neck_band` is for that.
    """
    head = _head(regions)
    band = _grown(head, EDGE_REACH) - _shrunk(head, EDGE_REACH)
    torso = _grown((regions[..., 3] > 255 * _SHARED).astype(np.uint8), EDGE_REACH)
    return (band * (1 - torso)).astype(np.float32)


def neck_band(regions: np.ndarray) -> np.ndarray:
    """0 or 1: where head and torso share a pixel, grown by NECK_SPILL."""
    head = regions[..., :3].sum(axis=2, dtype=np.uint16)
    shared = (np.minimum(head, regions[..., 3]) > 255 * _SHARED).astype(np.uint8)
    return _grown(shared, NECK_SPILL).astype(np.float32)


def mouth_weight(lips: np.ndarray, height: int, width: int) -> np.ndarray:
    """0 or 1: the box around the lips' points (N, 2) px, MOUTH_MARGIN of their width larger."""
    low, high = lips.min(axis=0), lips.max(axis=0)
    margin = MOUTH_MARGIN * (high[0] - low[0])
    left, top = np.floor(np.clip(low - margin, 0, [width - 1, height - 1])).astype(int)
    right, bottom = np.ceil(np.clip(high + margin, [left + 1, top + 1], [width, height])).astype(int)
    box = np.zeros((height, width), np.float32)
    box[top:bottom, left:right] = 1.0
    return box


def _head(regions: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 1 where most of a pixel is head."""
    return (regions[..., :3].sum(axis=2, dtype=np.uint16) > 127).astype(np.uint8)


def _grown(mask: np.ndarray, share: float) -> np.ndarray:
    return cv2.dilate(mask, _disc(mask, share))


def _shrunk(mask: np.ndarray, share: float) -> np.ndarray:
    return cv2.erode(mask, _disc(mask, share))


def _disc(mask: np.ndarray, share: float) -> np.ndarray:
    radius = max(1, round(share * max(mask.shape)))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
