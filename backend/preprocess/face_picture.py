"""How a face looks in the pictures, as numbers: sharpness, noise, brightness. All on a face of one height, so that they
do not depend on the footage's size."""

from __future__ import annotations

import cv2
import numpy as np

FACE_PX = 128
"""Height of the face on which all is measured, px."""
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
"""Blind to slopes and straight edges; of noise of deviation 1 it makes 6 (Immerkaer 1996)."""
_NOISE_GAIN = 6.0
_LIT = 90.0
"""Brightness of a face that is not dim, grey levels."""
_NORMAL_MEDIAN = 0.6745
"""Median of the magnitude of what is normally distributed with deviation 1."""


def sharpness(face: np.ndarray) -> float:
    """Standard deviation of the Laplacian over a face (`face_of`), grey levels. A face darker than _LIT is taken to be
    as bright as that: what is dim is not unsharp."""
    return float(cv2.Laplacian(face, cv2.CV_32F).std()) * max(1.0, _LIT / max(brightness(face), 1.0))


def noise(face: np.ndarray, next_face: np.ndarray) -> float:
    """Deviation of the noise in one of two successive pictures of a face, cut alike (`face_of`), grey levels. By the
    median over pixels: lips and lids that move do not count."""
    change = cv2.filter2D(next_face - face, cv2.CV_32F, _SECOND_DIFFERENCES)[1:-1, 1:-1]
    return float(np.median(np.abs(change)) / _NORMAL_MEDIAN / _NOISE_GAIN / np.sqrt(2.0))


def brightness(face: np.ndarray) -> float:
    """Median over a face (`face_of`), grey levels."""
    return float(np.median(face))


def face_of(rgb: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(FACE_PX, W) float32 grey levels: the box about `landmarks` (478, 3) px of a picture (H, W, 3) uint8 RGB."""
    low = np.maximum(landmarks[:, :2].min(0), 0).astype(int)
    high = np.ceil(landmarks[:, :2].max(0)).astype(int)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    width = max(8, round(grey.shape[1] * FACE_PX / grey.shape[0]))
    method = cv2.INTER_AREA if grey.shape[0] > FACE_PX else cv2.INTER_LINEAR
    return cv2.resize(grey.astype(np.float32), (width, FACE_PX), interpolation=method)
