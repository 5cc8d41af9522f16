"""Smooth completion of pictures that are known in part."""

from __future__ import annotations

import cv2
import numpy as np


def fill(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Smooth completion of (H, W, C) float32 where `known` (H, W) bool is False, (H, W, C) float32.

    Push-pull (Gortler et al. 1996, "The Lumigraph", section 3.4): averages of the known pixels down a pyramid, then
    back up into the holes. Grey (128) when nothing is known.
    """
    if not known.any():
        return np.full_like(picture, 128.0)
    weight = known.astype(np.float32)
    return _push_pull(picture.astype(np.float32) * weight[..., None], weight)


def _push_pull(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """weighted: (H, W, C) colour times weight, weight: (H, W) in [0, 1]; returns colour (H, W, C)."""
    height, width = weight.shape
    own = weighted / np.maximum(weight, 1e-6)[..., None]
    if weight.min() >= 1.0 or max(height, width) == 1:
        return own
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    small_weighted = cv2.resize(cv2.GaussianBlur(weighted, (5, 5), 1.0), half, interpolation=cv2.INTER_AREA)
    small_weight = cv2.resize(cv2.GaussianBlur(weight, (5, 5), 1.0), half, interpolation=cv2.INTER_AREA)
    # A coarse pixel is trusted as soon as any of its area is known: colour over weight, weight saturating early.
    trust = np.minimum(small_weight * 4.0, 1.0)
    scale = trust / np.maximum(small_weight, 1e-6)
    small_weighted = small_weighted.reshape(*small_weight.shape, -1) * scale[..., None]
    coarse = _push_pull(small_weighted, trust)
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    return own * weight[..., None] + coarse * (1.0 - weight[..., None])
