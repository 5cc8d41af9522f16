"""A drawn head composited over the recorded torso and background."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from backend.portrait.portrait import PortraitFrame


def over_recorded(
    head: PortraitFrame[np.ndarray],
    whole: PortraitFrame[np.ndarray] | None,
    recorded: np.ndarray,
    regions: np.ndarray,
    plate: np.ndarray,
) -> np.ndarray:
    """(S, S, 3) uint8: a drawn head over the recorded torso and background.

    Behind the head the camera saw nothing. There the background is what the model draws itself (`whole`: head and torso
    over the plate), or for a model without a torso the head over the plate, as in its training. So the recorded head
    does not show through the drawn one, except at the soft edge that a recorded pixel shares with torso or background.
    Where the head's edge is soft, it is drawn once and not over itself.

    head: drawn without its torso; recorded: (S, S, 3) uint8 RGB; regions: (S, S, 4) uint8 region map of that frame;
    plate: (S, S, 3) in [0, 1].
    """
    share = (regions[..., :3].astype(np.float32).sum(axis=2) / 255.0)[..., None]
    own = (head if whole is None else whole).over(plate)
    return _shown(share * own + (1.0 - share) * head.over(recorded.astype(np.float32) / 255.0))


def over(frame: PortraitFrame[np.ndarray], background: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8: a drawn frame over a background (S, S, 3) in [0, 1], as it would be shown."""
    return _shown(frame.over(background))


def _shown(picture: np.ndarray | Tensor) -> np.ndarray:
    return np.rint(np.clip(np.asarray(picture), 0.0, 1.0) * 255.0).astype(np.uint8)
