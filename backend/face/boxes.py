"""Boxes around faces: (4,) left, top, right, bottom in a picture's px."""

from __future__ import annotations

import numpy as np

FACE_MARGIN = 0.6
"""Border around the face on the picture given to the landmarker, as a share of the face's longer side."""


def area(box: np.ndarray) -> float:
    """Area of a box, px²."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def centre(box: np.ndarray) -> np.ndarray:
    """(2,) centre of a box, px."""
    return (box[:2] + box[2:]) / 2


def longer_side(box: np.ndarray) -> float:
    """Width or height of a box, whichever is larger, px."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def square_around(box: np.ndarray, margin: float = FACE_MARGIN) -> np.ndarray:
    """Square around a face's box with `margin` of its longer side on every side (may leave the frame)."""
    half = longer_side(box) * (0.5 + margin)
    return np.concatenate([centre(box) - half, centre(box) + half])
