"""The matte of a dub: which part of the footage is replaced, softly, and exactly nothing beyond.

It follows the tracked face. It covers the lower face (or the head) as the footage has it and as the new frame has it:
where the recorded jaw is lower than the drawn one, the recorded chin must not look out under it, and the other way
round. Everything here gives the same bits on every machine: integers, and sums in one order.
"""

from __future__ import annotations

import cv2
import numpy as np

from backend.face.points import CHIN, FOREHEAD_TOP, JAW_LINE
from shared import layout

_CHEEKS = ((50, 205), (280, 425))
"""On the person's right and left cheek: halfway between these points the upper edge runs, below the cheekbones."""
_UNDER_NOSE = (98, 2, 327)
"""From the person's right nose wing to the left: the upper edge runs above the lip that speaks, below the nose."""
_DROP = 0.07
"""How far under the recorded chin the matte goes, as a share of the face's height; towards the angles of the jaw, where
ears, jewellery and hair are, less and less."""
_MARGIN = 0.02
"""How far beyond both faces the matte goes before it fades, as such a share."""
_SOFT = 0.045
"""Within about twice this share of the face's height, to either side, the matte fades."""
_HAIR_SOFT = 0.008
"""The same where it ends at hair."""
_HEAD_MARGIN, _HEAD_SOFT = 0.015, 0.02
"""The same for a whole head, whose outline ends in front of what lies far behind it."""
_SEEN = 24
"""Coverage by a head, of 255, from which a pixel counts as showing it."""
_LEAST = 0.02
"""What is left of the fading edge below this, and above its opposite, is cut off."""
_ORAL, _FACE, _HAIR = (layout.REGION_NAMES.index(name) for name in ("oral", "face", "hair"))
_TORSO = layout.REGION_NAMES.index("torso")


def face_height(landmarks: np.ndarray) -> float:
    """Distance from the top of the forehead to the chin of landmarks (478, 3) px, in space, px."""
    return max(float(np.linalg.norm(landmarks[FOREHEAD_TOP] - landmarks[CHIN])), 1.0)


def lower_face_matte(landmarks: np.ndarray, drawn: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of the lower face.

    landmarks: (478, 3) px of the recorded face; drawn: (H, W, 4) mattes of the new frame (layout.REGION_NAMES) in
    [0, 1]; recorded: (H, W, 4) uint8 region map of the footage's frame.
    """
    height, width = drawn.shape[:2]
    size_px = face_height(landmarks)
    points = landmarks[:, :2]
    upper, jaw = _upper_edge(points), points[list(JAW_LINE)]
    down = points[CHIN] - points[FOREHEAD_TOP]
    lowest, angles = points[CHIN] @ down, jaw[[0, -1]].mean(axis=0) @ down
    share = np.clip((jaw @ down - angles) / max(lowest - angles, 1e-6), 0.0, 1.0)
    there = _polygon(height, width, np.vstack([upper, jaw + share[:, None] * _DROP * down]))
    # Below the upper edge, as far as anything can be: what the new frame's face has there is covered as well.
    below = _polygon(height, width, np.vstack([upper, jaw[0], jaw[0] + down, jaw[-1] + down, jaw[-1]]))
    face = _bytes(drawn[..., _ORAL] + drawn[..., _FACE])
    shown = np.where((face >= _SEEN) & (below > 0), np.uint8(255), there)
    # Hair, ears and jewellery in front of which no jaw comes stay as they were shot.
    hair = (recorded[..., _HAIR] >= 128) & (drawn[..., _HAIR] >= 0.5)
    kept = smoothed(hair.astype(np.float64), max(1, round(_HAIR_SOFT * size_px))).astype(np.float32)
    return softened(shown, _MARGIN * size_px, _SOFT * size_px) * (1.0 - np.clip(kept, 0.0, 1.0))


def head_matte(landmarks: np.ndarray, drawn: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of the whole head, hair and all.

    Arrays as `lower_face_matte` has them.
    """
    size_px = face_height(landmarks)
    there = np.minimum(recorded[..., :_TORSO].sum(axis=2, dtype=np.uint16), 255)
    new = _bytes(drawn[..., :_TORSO].sum(axis=2))
    shown = np.where((there >= _SEEN) | (new >= _SEEN), np.uint8(255), np.uint8(0))
    return softened(shown, _HEAD_MARGIN * size_px, _HEAD_SOFT * size_px)


def softened(shown: np.ndarray, margin_px: float, soft_px: float) -> np.ndarray:
    """(H, W) float32 in [0, 1]: what is shown (H, W) uint8, wider by a margin, with a soft edge; exactly 0 beyond, and
    exactly 1 within."""
    reach = max(1, round(margin_px + soft_px))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = cv2.dilate(shown, disc, borderType=cv2.BORDER_REPLICATE)
    edge = smoothed(wide.astype(np.float64) / 255.0, max(1, round(soft_px)))
    share = np.clip((edge - _LEAST) / (1.0 - 2.0 * _LEAST), 0.0, 1.0)
    return (share * share * (3.0 - 2.0 * share)).astype(np.float32)


def faded_at_rims(matte: np.ndarray, rims: tuple[bool, bool, bool, bool], soft_px: float) -> np.ndarray:
    """A matte (H, W) that goes down to 0 at those rims of its picture (left, top, right, bottom) which lie within the
    footage's frame: beyond them nothing is drawn, and a hard edge would show."""
    height, width = matte.shape
    reach = max(1.0, 2.0 * soft_px)
    x, y = np.arange(width), np.arange(height)
    ramps = (x[None, :], y[:, None], x[::-1][None, :], y[::-1][:, None])
    for ramp, is_inside in zip(ramps, rims, strict=True):
        if is_inside:
            share = np.minimum(ramp / reach, 1.0)
            matte = matte * (share * share * (3.0 - 2.0 * share)).astype(np.float32)
    return matte


def smoothed(values: np.ndarray, radius: int) -> np.ndarray:
    """(H, W) or (H, W, C) float64: three means over squares of side 2 `radius` + 1, much like a Gaussian of `radius`
    px; the rims go on beyond the picture."""
    values = np.asarray(values, np.float64)
    side = 2 * radius + 1
    for axis in (0, 1):
        for _ in range(3):
            pads = [(0, 0)] * values.ndim
            pads[axis] = (radius + 1, radius)
            sums = np.cumsum(np.pad(values, pads, mode="edge"), axis=axis)
            count = values.shape[axis]
            values = (
                np.take(sums, range(side, side + count), axis=axis) - np.take(sums, range(count), axis=axis)
            ) / side  # fmt: skip
    return values


def _upper_edge(points: np.ndarray) -> np.ndarray:
    """(N, 2) px of the matte's upper edge, from the person's right (JAW_LINE ends there) to the left (it begins)."""
    right, left = (points[list(pair)].mean(axis=0) for pair in _CHEEKS)
    return np.vstack([right, points[list(_UNDER_NOSE)], left])


def _polygon(height: int, width: int, points: np.ndarray) -> np.ndarray:
    """(H, W) uint8: 255 within a polygon (N, 2) px, 0 outside."""
    mask = np.zeros((height, width), np.uint8)
    limit = 4.0 * (height + width)
    cv2.fillPoly(mask, [np.rint((np.clip(points, -limit, limit) - 0.5) * 16).astype(np.int32)], 255, shift=4)
    return mask


def _bytes(coverage: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(coverage, 0.0, 1.0) * 255.0).astype(np.uint8)
