"""Scores of pictures against recorded ones. Pictures are (H, W, 3) uint8 RGB; nothing here is shared with training.

A score over a region is NaN where the region is empty: no pixel is neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PERFECT_DB = 100.0
"""PSNR of pictures without any difference."""
GMSD_CONSTANT = 170.0
"""Squared gradient below which GMSD sees little. It belongs to Prewitt's operator divided by 3, which gives 2 for a
ramp of one grey level a pixel; for an operator that gives 1 (Scharr's by 32) it would be a quarter of that."""


def psnr(picture: np.ndarray, recorded: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB: 10 log10(255² / mean squared error over pixels and channels).

    weight: (H, W) in [0, 1], how much each pixel counts; all alike if None.
    """
    return decibels(squared_error(picture, recorded), weight)


def squared_error(picture: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(H, W) float32: squared difference in code values, mean over channels."""
    return np.square(cv2.absdiff(picture, recorded), dtype=np.float32).mean(axis=2)


def squared_change_error(
    picture: np.ndarray, before: np.ndarray, recorded: np.ndarray, recorded_before: np.ndarray
) -> np.ndarray:
    """(H, W) float32: squared difference of what changed from the frame `before`, mean over channels.

    Flicker and motion that is missing raise it; an error that stands still does not. The frames must be consecutive.
    """
    change, recorded_change = picture.astype(np.int16) - before, recorded.astype(np.int16) - recorded_before
    return np.square(change - recorded_change, dtype=np.float32).mean(axis=2)


def decibels(squares: np.ndarray, weight: np.ndarray | None = None) -> float:
    """PSNR in dB, at most PERFECT_DB, of squared errors (H, W) in code values; weight as in `psnr`."""
    if weight is None:
        mean = float(squares.mean(dtype=np.float64))
    else:
        total = float(weight.sum())
        if total < 1.0:
            return float("nan")
        mean = float(np.multiply(squares, weight).sum(dtype=np.float64)) / total
    return PERFECT_DB if mean <= 255.0**2 * 10 ** (-PERFECT_DB / 10) else float(10 * np.log10(255.0**2 / mean))


@dataclass(frozen=True)
class Statistics:
    """What SSIM compares of a picture: (H, W, 3) float32 each, in windows about every pixel."""

    values: np.ndarray
    """The picture itself, code values."""
    mean: np.ndarray
    variance: np.ndarray


def statistics(picture: np.ndarray) -> Statistics:
    """Of a picture, in Gaussian windows of 11 px with a deviation of 1.5 px."""
    values = picture.astype(np.float32)
    mean = _blur(values)
    return Statistics(values, mean, _blur(values * values) - mean * mean)


def ssim(picture: Statistics, recorded: Statistics) -> float:
    """Structural similarity (Wang et al. 2004), mean over pixels and channels."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    product = picture.mean * recorded.mean
    covariance = _blur(picture.values * recorded.values) - product
    similarity = (2 * product + c1) * (2 * covariance + c2)
    similarity /= picture.mean * picture.mean + recorded.mean * recorded.mean + c1
    similarity /= picture.variance + recorded.variance + c2
    return float(similarity.mean(dtype=np.float64))


def gmsd(picture: np.ndarray, recorded: np.ndarray, weight: np.ndarray) -> float:
    """Gradient magnitude similarity deviation over the pixels of `weight` (H, W) in [0, 1]; 0 is perfect.

    Xue et al. 2014, "Gradient Magnitude Similarity Deviation", with its operator, constant and halving of the picture.
    It is the spread of the similarity, not its mean: an error that is the same everywhere goes unseen (see
    `perceptual`).
    """
    weight = _halved(weight)
    total = float(weight.sum())
    if total < 1.0:
        return float("nan")
    a, b = (_prewitt(_halved(_luma(image))) for image in (picture, recorded))
    similarity = (2 * a * b + GMSD_CONSTANT) / (a * a + b * b + GMSD_CONSTANT)
    mean = (similarity * weight).sum() / total
    return float(np.sqrt((weight * np.square(similarity - mean)).sum() / total))


def seam(picture: np.ndarray, recorded: np.ndarray, band: np.ndarray) -> float:
    """Artefacts where head and torso meet: mean absolute difference of gradient magnitude to the recorded frame's, in
    grey levels a pixel, over the weight `band` (H, W) of `weights.neck_band`. A gap, a step or a doubled chin line
    raises it. NaN without such a border."""
    if band.sum() < 1.0:
        return float("nan")
    difference = np.abs(_scharr(picture) - _scharr(recorded))
    return float((difference * band).sum() / band.sum())


def _luma(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _scharr(picture: np.ndarray) -> np.ndarray:
    """(H, W) magnitude of the gradient of luma, grey levels a pixel."""
    grey = _luma(picture)
    across, down = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    return cv2.magnitude(across, down) / 32.0


def _prewitt(grey: np.ndarray) -> np.ndarray:
    """(H, W) magnitude of the gradient by Prewitt's operator divided by 3: 2 for a ramp of 1 a pixel."""
    step, flat = np.array([-1.0, 0.0, 1.0]), np.full(3, 1.0 / 3)
    across = cv2.sepFilter2D(grey, cv2.CV_32F, step, flat, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(grey, cv2.CV_32F, flat, step, borderType=cv2.BORDER_REPLICATE)
    return cv2.magnitude(across, down)


def _halved(values: np.ndarray) -> np.ndarray:
    """(H // 2, W // 2) means of blocks of 2 x 2 px; an odd last row or column is left out."""
    height, width = (side // 2 for side in values.shape)
    even = np.asarray(values[: 2 * height, : 2 * width], np.float32)
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)
