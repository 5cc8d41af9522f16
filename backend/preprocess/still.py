"""Where a static background is seen in every frame, though the matte is in doubt: bushes behind a dark suit, say.

Beside a person's edge a matte is a guess from colour. Time tells more: what a person covers and leaves again changes,
and what they never cover does not. Between the two runs the ridge that the moving edge has drawn over the clip.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FEWEST_FRAMES = 12
"""Fewer tell too little of where somebody moves."""
_CLEAR, _SOLID = 0.02, 0.98
"""Alpha up to which a pixel is surely background in a frame, and from which it is surely the person."""
_RARELY = 0.05
"""Share of the frames that may differ more: a hand that passed, a damaged frame."""
_MOST_NOISE = 8.0
"""Grey levels of 255 by which the clear background changes at most, if the camera and the light stand still."""
_STILL, _SAME, _RIDGE = 2.0, 3.0, 4.0
"""How many times as much as the clear background a pixel may change over the clip, and differ from the plate in one
frame, to be background; and from which change on it is the trace of a moving edge."""
_NEAR_PX = 5
"""The trace lies within half of this about the border between person and background."""
_ROUNDING = 1.0
"""Grey levels that 8 bits cost."""
_STRIP_ROWS = 64


def never_covered(frames: Sequence[np.ndarray], alphas: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) uint8: by how many grey levels of 255 a frame may differ from the plate where the person never is, though
    mattes say that they might be; 0 everywhere else.

    frames: T pictures (H, W, 3) RGB of a static camera, uint8 or uint16, spread over the clip; alphas: T mattes (H, W)
    uint8. All 0 where the clip cannot tell: too few frames, a camera or a light that moves, nobody in it.
    """
    shown = np.stack(alphas)
    clear = shown.max(axis=0) <= _CLEAR * 255
    found = np.zeros(clear.shape, np.uint8)
    apart = cv2.erode((shown.min(axis=0) >= _SOLID * 255).astype(np.uint8), np.ones((3, 3), np.uint8))
    if len(frames) < FEWEST_FRAMES or not clear.any() or not apart.any():
        return found
    change = _change(frames)
    noise = float(np.median(change[clear]))
    if noise > _MOST_NOISE:
        return found
    change = cv2.GaussianBlur(change, (0, 0), 1.0)
    ridge = np.clip(change / (8.0 * noise + _ROUNDING) * 255.0, 0, 255).astype(np.uint8)
    sure = np.where(apart > 0, 2, cv2.erode(clear.astype(np.uint8), np.ones((3, 3), np.uint8))).astype(np.int32)
    basins = cv2.watershed(cv2.merge([ridge] * 3), sure)
    border = basins == -1
    border[[0, -1]] = border[:, [0, -1]] = False  # watershed draws the picture's own edge, too
    beyond = (basins == 1) & _lies_behind_a_ridge(border, change > _RIDGE * noise + _ROUNDING)
    found[beyond & (change < _STILL * noise + _ROUNDING) & ~clear] = round(_SAME * noise + _ROUNDING)
    return found


def without_background(alpha: np.ndarray, rgb: np.ndarray, plate: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Alpha (H, W) float32 with 0 where a frame shows what is never covered (`never_covered`). rgb, plate: (H, W, 3)
    uint8."""
    if not still.any():
        return alpha
    differs = cv2.GaussianBlur(cv2.absdiff(rgb, plate).max(axis=2).astype(np.float32), (0, 0), 1.0)
    background = (still > 0) & (differs < still)
    # Softly towards the person; where nothing is known to either side, alpha is 0 already.
    soft, up_to_nothing = (
        cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0) for mask in (background, background | (alpha <= _CLEAR))
    )
    return np.asarray(alpha * (1.0 - np.where(background, up_to_nothing, soft)), np.float32)


def _lies_behind_a_ridge(border: np.ndarray, traced: np.ndarray) -> np.ndarray:
    """(H, W) bool: whether the nearest pixel of a border (H, W) bool lies at the trace (H, W) bool of a moving edge. A
    person as dark as what is behind them leaves none."""
    if not border.any():
        return np.zeros(border.shape, bool)
    near = cv2.dilate(traced.astype(np.uint8), np.ones((_NEAR_PX, _NEAR_PX), np.uint8)) > 0
    _, nearest = cv2.distanceTransformWithLabels(
        (~border).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    kept = np.zeros(nearest.max() + 1, bool)
    kept[nearest[border]] = near[border]
    return np.asarray(kept[nearest])


def _change(frames: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) float32: how far a pixel is from its median, grey levels of 255, in all frames but a few."""
    height, width = frames[0].shape[:2]
    level = np.float32(np.iinfo(frames[0].dtype).max / 255)
    change = np.empty((height, width), np.float32)
    for top in range(0, height, _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        strip = np.stack([frame[rows] for frame in frames]).astype(np.float32)
        away = np.abs(strip - np.median(strip, axis=0)).max(axis=3)
        kept = min(len(frames) - 1, int((1.0 - _RARELY) * len(frames)))
        change[rows] = np.partition(away, kept, axis=0)[kept] / level
    return change
