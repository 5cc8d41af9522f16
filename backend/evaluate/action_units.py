"""Action units of the face (Ekman & Friesen's FACS) as MediaPipe's blendshapes show them.

The field's AUE is measured with OpenFace, whose models may not be shipped; this stands in for it. The intensities are
blendshapes in [0, 1], not OpenFace's 0 to 5, so figures here and in papers must not be compared.
"""

from __future__ import annotations

import numpy as np

from backend.performance.curves import FACE_CURVES

UPPER_UNITS: dict[str, tuple[str, ...]] = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU6": ("cheekSquintLeft", "cheekSquintRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU45": ("eyeBlinkLeft", "eyeBlinkRight"),
}
"""Brows, lids and cheeks. Gaze has no action unit."""
LOWER_UNITS: dict[str, tuple[str, ...]] = {
    "AU9": ("noseSneerLeft", "noseSneerRight"),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU16": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU22": ("mouthFunnel",),
    "AU24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU28": ("mouthRollLower", "mouthRollUpper"),
}
"""Nose, lips and jaw."""


def intensities(curves: np.ndarray, units: dict[str, tuple[str, ...]]) -> np.ndarray:
    """(T, U) intensity of each unit, the mean of its two sides; curves: (T, len(FACE_CURVES)) in [0, 1]."""
    columns = [[FACE_CURVES.index(name) for name in names] for names in units.values()]
    return np.stack([curves[:, sides].mean(axis=1) for sides in columns], axis=1)
