"""The lips' own curves: what blend shapes do not tell of lips, measured where the lips are seen.

Blend shapes are what a net makes of a face, and miss much of how far these lips go.
"""

from __future__ import annotations

import numpy as np

from backend.face.points import LIP_RING_INNER, LIP_RING_OUTER
from backend.subject.track import Track

LIP_CURVES: dict[str, tuple[float, float]] = {
    "lipsApart": (0.0, 4.0),
    "lipsWidth": (0.0, 10.0),
    "lipUpperThickness": (0.0, 2.0),
    "lipLowerThickness": (0.0, 2.0),
    "lipCornersRaise": (-1.5, 1.5),
}
"""Names, and the centimetres that are 0 and 1. Apart: between the lips' inner edges. Width: from corner to corner.
Thickness: from a lip's inner to its outer edge, less where it is rolled in. Corners: how high they lie over the middle
of the lips. None is a place in the head: that tells where a frame's pose is wrong, which no sound does, and a portrait
would learn from it."""

_PLANE_CM = 5.4
"""How far in front of the head's origin lips lie, about."""
_UPPER_INNER, _LOWER_INNER = (82, 81, 13, 311, 312), (87, 178, 14, 402, 317)
_UPPER_OUTER, _LOWER_OUTER = (37, 0, 267), (84, 17, 314)
_CORNERS = ((61, 78), (291, 308))
"""The person's right and left."""
_RING = (*LIP_RING_OUTER, *LIP_RING_INNER)
_RIDGE = 0.02


def lip_positions(track: Track) -> np.ndarray:
    """(T, 40, 2) cm: where the lips' landmarks (outer, then inner ring) are in the head's frame, across and up, if they
    lie in a plane before the face."""
    rotation, position = track.camera_from_head[:, :3, :3], track.camera_from_head[:, :3, 3]
    forward = rotation[:, :, 2:]
    seen = (track.landmarks[:, _RING, :2].astype(np.float64) - track.principal_px) / track.focal_px
    rays = np.concatenate([seen, np.ones((*seen.shape[:2], 1))], axis=2)
    reach = (_PLANE_CM + position[:, None] @ forward) / (rays @ forward)
    return ((rays * reach - position[:, None]) @ rotation)[..., :2]


def lip_curves(track: Track) -> np.ndarray:
    """(T, 5) float32 in [0, 1], columns LIP_CURVES, under the track's head poses; interpolated in time where no
    face was found."""
    found = track.confidence > 0
    if not found.any():
        return np.zeros((track.frame_count, len(LIP_CURVES)), np.float32)
    low, high = np.array(list(LIP_CURVES.values())).T
    values = (_measures(lip_positions(track)) - low) / (high - low)
    index = np.arange(track.frame_count)
    values = np.stack([np.interp(index, index[found], column[found]) for column in values.T], axis=1)
    return np.clip(values, 0.0, 1.0).astype(np.float32)


def lips_by_shapes(shapes: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """(S, 5) how far the lips' own curves (T, 5) go with blend shapes (T, S) in this footage: a ridge regression
    of what they deviate. With it lips follow an artist who opens the jaw."""
    x, y = shapes - shapes.mean(axis=0), lips - lips.mean(axis=0)
    gram = x.T @ x
    share = max(_RIDGE * float(np.trace(gram)) / len(gram), 1e-9)
    return np.linalg.solve(gram + share * np.eye(len(gram)), x.T @ y)


def _measures(lips: np.ndarray) -> np.ndarray:
    """(T, 5) cm, in the order of LIP_CURVES, of lips as `lip_positions` gives them."""

    def middle(points: tuple[int, ...]) -> np.ndarray:
        return lips[:, [_RING.index(point) for point in points]].mean(axis=1)

    upper, lower = middle(_UPPER_INNER)[:, 1], middle(_LOWER_INNER)[:, 1]
    right, left = (middle(corner) for corner in _CORNERS)
    return np.stack(
        [
            upper - lower,
            left[:, 0] - right[:, 0],
            middle(_UPPER_OUTER)[:, 1] - upper,
            lower - middle(_LOWER_OUTER)[:, 1],
            (left[:, 1] + right[:, 1] - upper - lower) / 2,
        ],
        axis=1,
    )
