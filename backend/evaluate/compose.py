"""A drawn head put back over what the camera recorded of torso and background."""

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

    Behind the head the camera saw nothing: there stands what the model itself draws (`whole`: head and torso over the
    plate), or the head over the plate alone for a model without a torso, as in its training. So nothing of the recorded
    head shines through a drawn one, but for the soft edge that a recorded pixel shares with the torso or background;
    and where the head's edge is soft it is drawn once, not over itself.

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
