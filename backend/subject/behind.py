"""What lies behind the head in a recorded frame: where the camera saw only the head, and at its soft edge."""

from __future__ import annotations

import cv2
import numpy as np

from backend.media.fill import fill
from shared import layout

_TORSO = layout.REGION_NAMES.index("torso")
_PURE = 0.95
"""Coverage by the torso from which a pixel's colour is taken for the torso's own."""
_HIDDEN = 0.9
"""Coverage by the head from which it is not seen whether torso or plate lies behind: as beside it then."""
_MIXED = 0.1
"""Coverage by the head from which a recorded pixel is not used at all, but made anew of torso and plate."""


def behind_head(recorded: np.ndarray, regions: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8: a recorded frame without its head, for a drawn one to be laid over.

    Where the frame shows no head it is the frame itself. Elsewhere it is the torso over the plate: the torso covers
    what it covers of the part that the head leaves free, and its colour is that of the torso nearby; behind the head
    both go on as they are at its edge, as the neck does behind the chin. A recorded pixel at the head's edge already
    holds some of the head; laid under a drawn head, the head would be there twice. It does not depend on who draws the
    head.

    recorded, plate: (S, S, 3) uint8 RGB; regions: (S, S, 4) uint8 region map of the frame.
    """
    head = np.minimum(regions[..., :_TORSO].astype(np.float32).sum(axis=2) / 255.0, 1.0)
    torso = regions[..., _TORSO].astype(np.float32) / 255.0
    share = np.minimum(torso / np.maximum(1.0 - head, 1e-6), 1.0)
    seen = head < _HIDDEN
    share = fill(share[..., None], seen) if seen.any() else np.zeros_like(share)[..., None]
    clear = cv2.dilate((head > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    colour = fill(recorded.astype(np.float32), clear & (torso > _PURE))
    made = share * colour + (1.0 - share) * plate
    mixed = np.minimum(head / _MIXED, 1.0)[..., None]
    return np.rint(mixed * made + (1.0 - mixed) * recorded).clip(0, 255).astype(np.uint8)
