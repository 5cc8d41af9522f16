"""Faces as MediaPipe's landmarker sees them in drawn and recorded pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.face.boxes import square_around
from backend.face.landmarker import Landmarker
from backend.face.points import (
    CHIN,
    FOREHEAD_TOP,
    LANDMARK_POINTS,
    LIP_RING_INNER,
    LIP_RING_OUTER,
    LOWER_LIP_INNER,
    UPPER_LIP_INNER,
)
from backend.performance.curves import FACE_CURVES

LIPS = tuple(LIP_RING_OUTER) + tuple(LIP_RING_INNER)
SCORE_SIZE = 256
"""Landmarks are in px of a picture of this size."""
LOOK_SIZE = 512
"""Smaller pictures are enlarged to this size, px, before they are measured: the landmarker is inaccurate on them."""


@dataclass
class FaceTrack:
    """A face in the pictures of T consecutive frames; NaN where none was found, and where a frame is not scored."""

    landmarks: np.ndarray
    """(T, 478, 3) px of a picture of SCORE_SIZE."""
    expression: np.ndarray
    """(T, len(FACE_CURVES)) blendshapes in [0, 1]."""

    @property
    def found(self) -> np.ndarray:
        """(T,) bool."""
        return np.isfinite(self.landmarks[:, 0, 0])

    @property
    def opening(self) -> np.ndarray:
        """(T,) gap between the inner lips in face heights."""
        gap = np.linalg.norm(self.landmarks[:, UPPER_LIP_INNER] - self.landmarks[:, LOWER_LIP_INNER], axis=1)
        return gap / np.linalg.norm(self.landmarks[:, FOREHEAD_TOP] - self.landmarks[:, CHIN], axis=1)


class FaceMeter:
    """Measures faces picture by picture. Close it after use, or use it as a context manager."""

    def __init__(self, models_dir: str | None = None) -> None:
        self._landmarker = Landmarker(models_dir, max_faces=1)

    def __enter__(self) -> FaceMeter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._landmarker.close()

    def measure(self, picture: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (478, 3) px of SCORE_SIZE and blendshapes (len(FACE_CURVES),), both NaN if there is no face.

        picture: (S, S, 3) uint8 RGB. around: (4,) left, top, right, bottom of the recorded face, px of the picture: the
        rendered and the recorded picture are cut in the same way, so that the landmarker makes the same errors.
        """
        size = picture.shape[0]
        enlarged = max(size, LOOK_SIZE)
        if enlarged != size:
            picture = cv2.resize(picture, (enlarged, enlarged), interpolation=cv2.INTER_CUBIC)
        faces = self._landmarker.find(picture, square_around(around * (enlarged / size)))
        if not faces:
            return np.full((LANDMARK_POINTS, 3), np.nan), np.full(len(FACE_CURVES), np.nan)
        names = self._landmarker.blendshape_names
        order = [names.index(name) for name in FACE_CURVES]
        return faces[0].landmarks * (SCORE_SIZE / enlarged), faces[0].blendshapes[order]


def barely_changed(picture: np.ndarray, seed: int) -> np.ndarray:
    """The same (H, W, 3) uint8 picture with noise of one code value, which nobody can see.

    What the landmarker finds in it differs from what it finds in the original by the error of measuring: the floor
    below which no score of a face says anything. seed: the same number gives the same noise.
    """
    noise = np.random.default_rng(seed).integers(-1, 2, picture.shape, dtype=np.int8)
    return np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)
