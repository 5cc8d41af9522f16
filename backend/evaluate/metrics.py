"""Scores of pictures against recorded ones. Pictures are (H, W, 3) uint8 RGB; nothing here is shared with training."""

from __future__ import annotations

import cv2
import numpy as np

PERFECT_DB = 100.0
"""PSNR of pictures without any difference."""
HEAD_SPILL = 0.025
"""The head's region is grown by this share of the picture's side, so that hair or haze outside its edge counts too."""
MOUTH_MARGIN = 0.25
"""The mouth's box reaches this share of the lips' width beyond them."""


def psnr(picture: np.ndarray, recorded: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB of two pictures, over the pixels of `weight` (H, W) in [0, 1] where given."""
    error = np.square(picture.astype(np.float64) - recorded.astype(np.float64)).mean(axis=2)
    if weight is None:
        mean = error.mean()
    else:
        mean = (error * weight).sum() / max(float(weight.sum()), 1e-9)
    return PERFECT_DB if mean <= 255.0**2 * 10 ** (-PERFECT_DB / 10) else float(10 * np.log10(255.0**2 / mean))


def ssim(picture: np.ndarray, recorded: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of 11 px, σ 1.5), mean over pixels and channels."""
    a, b = picture.astype(np.float64), recorded.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return float(similarity.mean())


def gmsd(picture: np.ndarray, recorded: np.ndarray, weight: np.ndarray) -> float:
    """Gradient magnitude similarity deviation over the pixels of `weight` (H, W); 0 is perfect.

    Stands in for LPIPS, whose weights cannot be had freely: Xue et al. 2014, "Gradient Magnitude Similarity Deviation",
    equations 2 to 6, without its downsampling.
    """
    constant = 170.0
    a, b = (gradient(image) for image in (picture, recorded))
    similarity = (2 * a * b + constant) / (a * a + b * b + constant)
    total = max(float(weight.sum()), 1e-9)
    mean = (similarity * weight).sum() / total
    return float(np.sqrt((weight * np.square(similarity - mean)).sum() / total))


def seam(picture: np.ndarray, recorded: np.ndarray, regions: np.ndarray) -> float:
    """Artefacts where head and torso meet: mean absolute difference of gradient magnitude to the recorded frame's, in
    grey levels a pixel, over `neck_band`. A gap, a step or a doubled chin line raises it. NaN without such a border."""
    band = neck_band(regions)
    if band.sum() < 1.0:
        return float("nan")
    difference = np.abs(gradient(picture) - gradient(recorded))
    return float((difference * band).sum() / band.sum())


def neck_band(regions: np.ndarray) -> np.ndarray:
    """(H, W) float in [0, 1]: 1 where head and torso share a pixel of a region map (H, W, 4) uint8, grown a little."""
    head = regions[..., :3].astype(np.float64).sum(axis=2) / 255.0
    torso = regions[..., 3].astype(np.float64) / 255.0
    shared = (np.minimum(head, torso) > 0.1).astype(np.uint8)
    return _grown(shared, 0.015).astype(np.float64)


def head_weight(regions: np.ndarray) -> np.ndarray:
    """(H, W) 0 or 1: the head's region (oral, face, hair) of a region map (H, W, 4) uint8, grown by HEAD_SPILL."""
    head = (regions[..., :3].astype(np.int32).sum(axis=2) > 127).astype(np.uint8)
    return _grown(head, HEAD_SPILL).astype(np.float64)


def mouth_weight(lips: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width) 0 or 1: the box around the lips' points (N, 2) px, MOUTH_MARGIN of their width larger."""
    low, high = lips.min(axis=0), lips.max(axis=0)
    margin = MOUTH_MARGIN * (high[0] - low[0])
    left, top = np.floor(np.clip(low - margin, 0, [width - 1, height - 1])).astype(int)
    right, bottom = np.ceil(np.clip(high + margin, [left + 1, top + 1], [width, height])).astype(int)
    box = np.zeros((height, width))
    box[top:bottom, left:right] = 1.0
    return box


def gradient(picture: np.ndarray) -> np.ndarray:
    """(H, W) magnitude of the gradient of luma (Scharr), grey levels a pixel."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    across, down = cv2.Scharr(grey, cv2.CV_64F, 1, 0) / 32.0, cv2.Scharr(grey, cv2.CV_64F, 0, 1) / 32.0
    return np.hypot(across, down)


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)


def _grown(mask: np.ndarray, share: float) -> np.ndarray:
    radius = max(1, round(share * max(mask.shape)))
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
