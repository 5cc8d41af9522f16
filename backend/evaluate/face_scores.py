"""Scores of faces measured in drawn pictures against those in the recorded ones, frame by frame.

Only frames whose recorded picture shows a face count; the others are NaN. Where the drawn one then shows none, a score
is charged the error named beside it: a picture in which no face can be found must not score better than a poor face.
"""

from __future__ import annotations

import numpy as np

from backend.evaluate.action_units import intensities
from backend.evaluate.faces import LIPS, FaceTrack
from backend.face.points import LIP_CORNERS, RIGID_POINTS
from backend.performance.curves import SPEECH

_LEFT_CORNER, _RIGHT_CORNER = LIP_CORNERS[0], LIP_CORNERS[4]
MISSED_EXPRESSION = 1.0
"""The error of every blendshape of a face that was not found: the largest that there can be."""


def faces_found(drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) 1 where the drawn picture shows a face as the recorded one does, 0 where it does not."""
    return np.where(recorded.found, drawn.found, np.nan)


def lip_distances(drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) mean distance of the lips' landmarks as they lie, px at 256 px.

    The measure of Chen et al. 2018 ("Lip Movements Generation at a Glance"), on MediaPipe's lips. Lips that were not
    found are charged the recorded lips' width.
    """
    return _distances(_lips(drawn), _lips(recorded), drawn, recorded)


def lip_shape_distances(drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """As `lip_distances`, with the centroid of the lips removed: shape without place, as papers print it."""
    a, b = (points - points.mean(axis=1, keepdims=True) for points in (_lips(drawn), _lips(recorded)))
    return _distances(a, b, drawn, recorded)


def expression_errors(drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) mean absolute difference of jaw's and lips' blendshapes, in [0, 1]; MISSED_EXPRESSION without a face."""
    return _differences(drawn.expression[:, SPEECH], recorded.expression[:, SPEECH], drawn, recorded)


def action_unit_errors(drawn: FaceTrack, recorded: FaceTrack, units: dict[str, tuple[str, ...]]) -> np.ndarray:
    """(T,) mean absolute difference of action units (`action_units`), in [0, 1]; MISSED_EXPRESSION without a face."""
    a, b = (intensities(track.expression, units) for track in (drawn, recorded))
    return _differences(a, b, drawn, recorded)


def shaking(drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) squared shaking that the recorded head does not have: the second difference in time of the difference of the
    upper face's landmarks, px² at 256 px, mean over landmarks.

    NaN but for the middle of three frames in a row that are found in both: a missing face cannot be charged here, so
    read it beside `faces_found`. The score `jitter` is the root of its mean.
    """
    difference = (drawn.landmarks - recorded.landmarks)[:, RIGID_POINTS, :2]
    values = np.full(len(difference), np.nan)
    second = difference[2:] - 2 * difference[1:-1] + difference[:-2]
    values[1:-1] = np.square(second).sum(axis=2).mean(axis=1)
    return values


def _lips(track: FaceTrack) -> np.ndarray:
    return track.landmarks[:, LIPS, :2]


def _distances(a: np.ndarray, b: np.ndarray, drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) mean length of (T, N, 2) differences; the recorded lips' width where the drawn face is missing."""
    width = np.linalg.norm(recorded.landmarks[:, _RIGHT_CORNER] - recorded.landmarks[:, _LEFT_CORNER], axis=1)
    return np.where(recorded.found & ~drawn.found, width, np.linalg.norm(a - b, axis=2).mean(axis=1))


def _differences(a: np.ndarray, b: np.ndarray, drawn: FaceTrack, recorded: FaceTrack) -> np.ndarray:
    """(T,) mean absolute difference of (T, K) blendshapes; MISSED_EXPRESSION where the drawn face is missing."""
    return np.where(recorded.found & ~drawn.found, MISSED_EXPRESSION, np.abs(a - b).mean(axis=1))
