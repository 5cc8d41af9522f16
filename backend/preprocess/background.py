"""The background plate: what the camera saw where the person was not in the way, and a smooth guess elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from backend.media.fill import fill

MAX_SAMPLES = 64
"""Frames, spread evenly over the clip, that the plate is made of: memory does not grow with the clip."""
CLEAR_ALPHA = 0.02
"""Alpha of the person up to which a pixel counts as unoccluded."""
MIN_SEEN = 3
"""Times that a pixel must be seen clearly for its median to be trusted."""
STRIP_ROWS = 64
"""Rows whose median is taken at once."""


def estimate_plate(
    frames: Sequence[np.ndarray] | np.ndarray,
    alphas: Sequence[np.ndarray] | np.ndarray,
    still: np.ndarray | None = None,
    *,
    max_samples: int = MAX_SAMPLES,
) -> np.ndarray:
    """Background plate (H, W, 3) of a static camera, with as many bits as the frames.

    Every pixel is the temporal median of the frames in which the person leaves it clear; pixels that are never clear
    are filled smoothly from their surroundings (`media.fill`).

    frames: T pictures (H, W, 3) RGB, uint8 or uint16. alphas: T mattes of the person, (H, W) uint8 (255 is one) or
    float in [0, 1]. still: (H, W), above 0 where the person never is, whatever the mattes say. Raises ValueError when
    there are no frames or the counts differ.
    """
    if len(frames) == 0 or len(frames) != len(alphas):
        raise ValueError(f"{len(frames)} frames and {len(alphas)} mattes; both must be equal and at least 1")
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(max_samples, len(frames))).round().astype(int))
    colours = np.stack([np.asarray(frames[index]) for index in chosen])
    height, width = colours.shape[1:3]
    known_clear = np.zeros((height, width), bool) if still is None else still > 0
    clear = np.stack([_is_clear(np.where(known_clear, 0, alphas[index])) for index in chosen])
    plate = np.zeros((height, width, 3), np.float32)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        plate[rows] = _masked_median(colours[:, rows], clear[:, rows])
    seen = clear.sum(axis=0)
    known = seen >= min(MIN_SEEN, len(chosen))
    level = np.float32(np.iinfo(colours.dtype).max / 255)
    return np.rint(fill(plate / level, known).clip(0, 255) * level).astype(colours.dtype)


def _is_clear(alpha: np.ndarray) -> np.ndarray:
    """(H, W) bool: the person and the soft edge around them leave the pixel clear."""
    limit = CLEAR_ALPHA * (255.0 if alpha.dtype == np.uint8 else 1.0)
    covered = (alpha > limit).astype(np.uint8)
    # Shadows and missed hair reach a little beyond the matte.
    margin = max(1, round(0.01 * max(alpha.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return cv2.dilate(covered, kernel) == 0


def _masked_median(colours: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Median over the first axis of (N, h, W, 3), uint8 or uint16, where clear (N, h, W); 0 where never; float32."""
    # Occluded samples are sorted to the end, so the median lies in the middle of the clear ones.
    kind = np.int16 if colours.dtype == np.uint8 else np.int32
    values = np.where(clear[..., None], colours, kind(np.iinfo(colours.dtype).max + 1))
    values.sort(axis=0)
    count = clear.sum(axis=0)[None, ..., None]
    low = np.take_along_axis(values, np.maximum(count - 1, 0) // 2, axis=0)[0].astype(np.float32)
    high = np.take_along_axis(values, np.minimum(count // 2, len(values) - 1), axis=0)[0].astype(np.float32)
    return np.where(count[0] > 0, 0.5 * (low + high), 0.0)
