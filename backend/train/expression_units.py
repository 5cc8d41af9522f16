"""Six action units of the upper face, as MediaPipe's blendshapes tell them: what drives the published baseline's brows
and lids instead of action units 1, 4, 5, 6, 7 and 45 of OpenFace."""

from __future__ import annotations

import numpy as np

UNITS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("browInnerUp",), 5.0),
    (("browDownLeft", "browDownRight"), 5.0),
    (("eyeWideLeft", "eyeWideRight"), 5.0),
    (("cheekSquintLeft", "cheekSquintRight"), 5.0),
    (("eyeSquintLeft", "eyeSquintRight"), 5.0),
    (("eyeBlinkLeft", "eyeBlinkRight"), 2.0),
)
"""Inner brow raiser, brow lowerer, upper lid raiser, cheek raiser, lid tightener, blink: the curves whose mean stands
for each, and the value that it has where they are one (OpenFace's go to 5; the blink is cut off at 2)."""


def unit_matrix(curve_names: tuple[str, ...]) -> np.ndarray:
    """(K, 6) weights of the curves of those names in each unit."""
    matrix = np.zeros((len(curve_names), len(UNITS)), np.float32)
    for unit, (names, full) in enumerate(UNITS):
        for name in names:
            matrix[curve_names.index(name), unit] = full / len(names)
    return matrix
