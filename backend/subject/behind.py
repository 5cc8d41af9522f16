"""What lies behind the head in a recorded frame: where the camera saw only the head, and at its soft edge."""

from __future__ import annotations

import cv2
import numpy as np

from backend.media.fill import fill
from shared import layout

_TORSO = layout.REGION_NAMES.index("torso")
_PURE = 0.95
"""Coverage by the torso from which a pixel shows nothing else."""
_REACH = 0.015
"""Deviation of the Gaussian in which pixels tell the torso's colour, as a share of the picture's longer side."""
_SURE = 0.05
"""Share of that Gaussian's weight that lies on pure pixels from which they alone tell it."""
_TOLD = 0.1
"""Mean square of the torso's coverage in it from which mixed pixels tell it."""
_HIDDEN = 0.9
"""Coverage by the head from which it is not seen whether torso or plate lies behind: as beside it then."""
_COARSE_PX = 128
"""What is not known is smooth: it is made of a picture whose longer side has at most so many px."""
_SEEN = 0.25
"""Known share of such a px from which it is known itself."""
_MIXED = 0.1
"""Coverage by the head from which a recorded pixel is not used at all, but made anew of torso and plate."""


def behind_head(recorded: np.ndarray, regions: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a recorded frame without its head, for a drawn one to be laid over.

    Where the frame shows no head it is the frame itself. Elsewhere it is the torso over the plate: the torso covers
    what it covers of the part that the head leaves free, and its colour is that of the torso nearby; behind the head
    both go on as they are at its edge, as the neck does behind the chin. A recorded pixel at the head's edge already
    holds some of the head; laid under a drawn head, the head would be there twice. It does not depend on who draws the
    head.

    recorded, plate: (H, W, 3) uint8 RGB; regions: (H, W, 4) uint8 region map of the frame; all may be a part of one.
    """
    head, torso = _head(regions), regions[..., _TORSO].astype(np.float32) / 255.0
    share = _continued(np.minimum(torso / np.maximum(1.0 - head, 1e-6), 1.0)[..., None], head < _HIDDEN)
    colour = _continued(*_torso_colour(recorded, head, torso))
    mixed = shows_head(regions)[..., None]
    made = plate + share * (colour - plate)
    return np.rint(recorded + mixed * (made - recorded)).clip(0, 255).astype(np.uint8)


def shows_head(regions: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: where a frame shows any of the head, by its region map (H, W, 4) uint8; 0 beside it."""
    return np.minimum(_head(regions) / _MIXED, 1.0)


def _head(regions: np.ndarray) -> np.ndarray:
    """(H, W) float32 coverage by the head, in [0, 1]."""
    return np.minimum(regions[..., :_TORSO].sum(axis=2, dtype=np.uint16), 255).astype(np.float32) / 255.0


def _torso_colour(recorded: np.ndarray, head: np.ndarray, torso: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) float32 colour of the torso, and (H, W) where it is told by the pixels nearby: those that show nothing
    else, or where there are none, since the map goes over softly from head to torso as on a neck, the mixed ones."""
    clear = cv2.dilate((head > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    reach = _REACH * max(torso.shape)

    def nearby(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total, mass = (cv2.GaussianBlur(v, (0, 0), reach) for v in (recorded * weight[..., None], weight))
        return total / np.maximum(mass, 1e-6)[..., None], mass

    pure, pure_mass = nearby((clear & (torso > _PURE)).astype(np.float32))
    mixed, mixed_mass = nearby(torso**2)
    sure = np.minimum(pure_mass / _SURE, 1.0)[..., None]
    return sure * pure + (1.0 - sure) * mixed, (pure_mass > _SURE) | (mixed_mass > _TOLD)


def _continued(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 values where `known` (H, W), elsewhere as they are nearby, smoothly; 0 if nothing is known."""
    if not known.any():
        return np.zeros_like(values)
    height, width = known.shape
    shrunk = min(1.0, _COARSE_PX / max(height, width))
    coarse = max(1, round(shrunk * width)), max(1, round(shrunk * height))
    weight = cv2.resize(known.astype(np.float32), coarse, interpolation=cv2.INTER_AREA)[..., None]
    total = cv2.resize(values * known[..., None], coarse, interpolation=cv2.INTER_AREA).reshape(*weight.shape[:2], -1)
    nearby = fill(total / np.maximum(weight, 1e-6), weight[..., 0] > _SEEN)
    nearby = cv2.resize(nearby, (width, height), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return np.where(known[..., None], values, nearby)
