"""Scores of faces as MediaPipe's landmarker sees them: lip landmarks, expression, jitter, opening of the lips."""

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
    RIGID_POINTS,
    UPPER_LIP_INNER,
)
from backend.performance.curves import SPEECH_CURVES

SCORE_SIZE = 256
"""Landmark distances are given in px of a picture of this size."""
LIPS = tuple(LIP_RING_OUTER) + tuple(LIP_RING_INNER)
LOOK_SIZE = 512
"""Pictures are enlarged to this size, px, before they are measured: the landmarker is inaccurate on small ones."""


@dataclass
class FaceTrack:
    """A face measured in T pictures; NaN where it was not found."""

    landmarks: np.ndarray
    """(T, 478, 3) px of a picture of SCORE_SIZE."""
    expression: np.ndarray
    """(T, 27) blendshapes of jaw and lips, in the order of SPEECH_CURVES."""

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
        """Landmarks (478, 3) px of SCORE_SIZE and expression (27,), both NaN if there is no face.

        picture: (S, S, 3) uint8 RGB. around: (4,) left, top, right, bottom of the recorded face, px of the picture: the
        rendered and the recorded picture are cut in the same way, so that the landmarker makes the same errors.
        """
        size = picture.shape[0]
        large = cv2.resize(picture, (LOOK_SIZE, LOOK_SIZE), interpolation=cv2.INTER_CUBIC)
        faces = self._landmarker.find(large, square_around(around * (LOOK_SIZE / size)))
        if not faces:
            return np.full((LANDMARK_POINTS, 3), np.nan), np.full(len(SPEECH_CURVES), np.nan)
        names = self._landmarker.blendshape_names
        order = [names.index(name) for name in SPEECH_CURVES]
        return faces[0].landmarks * (SCORE_SIZE / LOOK_SIZE), faces[0].blendshapes[order]


def lip_distance(rendered: FaceTrack, recorded: FaceTrack, centred: bool) -> np.ndarray:
    """(T,) mean distance of the lips' landmarks, px at 256 px: as they lie, or `centred`, with the lips' centroid
    removed. NaN where either face was not found.

    The measure of Chen et al. 2018 ("Lip Movements Generation at a Glance"), on MediaPipe's lips.
    """
    drawn, filmed = (track.landmarks[:, LIPS, :2] for track in (rendered, recorded))
    if centred:
        drawn, filmed = (points - points.mean(axis=1, keepdims=True) for points in (drawn, filmed))
    return np.linalg.norm(drawn - filmed, axis=2).mean(axis=1)


def expression_error(rendered: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) mean absolute difference of the blendshapes of jaw and lips, in [0, 1]; NaN where a face was not found."""
    return np.abs(rendered.expression - recorded.expression).mean(axis=1)


def shake(rendered: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) shaking that the recorded head does not have: mean square, over the upper face's landmarks, of the second
    difference in time of how far rendered and recorded ones lie apart, px^2 at 256 px.

    NaN at a frame without a face in all three frames about it.
    """
    apart = (rendered.landmarks - recorded.landmarks)[:, RIGID_POINTS, :2]
    values = np.full(len(apart), np.nan)
    values[1:-1] = np.square(apart[2:] - 2 * apart[1:-1] + apart[:-2]).sum(axis=2).mean(axis=1)
    return values
