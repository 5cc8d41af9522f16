"""A drawn head put back over what the camera recorded of torso and background."""

from __future__ import annotations

import numpy as np

from backend.portrait.portrait import PortraitFrame
from backend.preprocess.background import fill

HEAD_FREE = 0.05
"""Share of the head up to which a recorded pixel counts as torso or background."""


def behind_head(recorded: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """(S, S, 3) float in [0, 1]: the recorded frame without its head, smoothly filled in.

    recorded: (S, S, 3) uint8 RGB, regions: (S, S, 4) uint8 region map. Nothing of the recorded head may shine through a
    drawn one, so the fill takes neck, shoulders and background alone.
    """
    head = regions[..., :3].astype(np.float32).sum(axis=2) / 255.0
    return fill(recorded.astype(np.float32), head <= HEAD_FREE) / 255.0


def over(frame: PortraitFrame, background: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8: a drawn frame over a background (S, S, 3) in [0, 1], as it would be shown."""
    return to_bytes(frame.over(background))


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) float in [0, 1] to uint8."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
