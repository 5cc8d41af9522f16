"""First guess of the camera: a prior for the focal length, and every frame's head pose by PnP on the canonical face."""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy.spatial.transform import Rotation, Slerp

FOCAL_PER_SIDE, FOCAL_PER_SIDE_LOG_SPREAD = 1.4, 0.5
"""Focal length of footage as a multiple of its longer side (40 degrees across), and how far it varies (natural log)."""
DISTANCE_CM, DISTANCE_LOG_SPREAD = 120.0, 0.6
"""How far from the camera speakers are, and how far that varies: footage is often a cut-out of a wider picture."""
FOCAL_LOG_SPREAD = 0.1
"""How far the landmarks may move the focal length (natural log). Narrower than what is known of it: a landmark network
draws every face through much the same lens, so what its landmarks say about perspective is mostly its own habit."""

FRONTAL = np.diag([1.0, -1.0, -1.0])
"""Rotation camera from head of a face that looks straight into the camera (shared.camera)."""


def focal_prior(width: float, height: float, pixels_per_cm: float) -> tuple[float, float]:
    """(focal length in footage px, its spread as a natural log) expected of footage before its faces are fitted.

    width, height of the footage in px; pixels_per_cm: scale of the face in it. Joins two independent guesses, the
    angle of view and the speaker's distance, each by its certainty.
    """
    by_angle, by_distance = math.log(FOCAL_PER_SIDE * max(width, height)), math.log(DISTANCE_CM * pixels_per_cm)
    angle_weight, distance_weight = FOCAL_PER_SIDE_LOG_SPREAD**-2, DISTANCE_LOG_SPREAD**-2
    mean = (angle_weight * by_angle + distance_weight * by_distance) / (angle_weight + distance_weight)
    return math.exp(mean), FOCAL_LOG_SPREAD


def face_pixels_per_cm(points_px: np.ndarray, vertices_cm: np.ndarray) -> float:
    """Scale of a face: points (T, N, 2) px against the model's (N, 3) cm, each by its spread (median over frames).

    Turning the head hides width but not height, so the vertical spread alone is compared.
    """
    spread_px = np.nanstd(points_px[..., 1], axis=1)
    return float(np.nanmedian(spread_px) / vertices_cm[:, 1].std())


def project(points_cm: np.ndarray, poses: np.ndarray, focal_px: float, principal_px: np.ndarray) -> np.ndarray:
    """(T, N, 2) px of head points (N, 3) cm under poses camera from head (T, 4, 4)."""
    camera = points_cm @ poses[:, :3, :3].transpose(0, 2, 1) + poses[:, None, :3, 3]
    return focal_px * camera[..., :2] / camera[..., 2:] + principal_px


def initial_poses(
    points_px: np.ndarray, vertices_cm: np.ndarray, focal_px: float, principal_px: np.ndarray
) -> np.ndarray:
    """(T, 4, 4) camera from head by PnP (OpenCV: SQPnP, then Levenberg-Marquardt).

    points_px (T, N, 2), NaN in frames without a face; vertices_cm (N, 3) of the same points. Frames without a face are
    interpolated between their neighbours.
    """
    camera = np.array([[focal_px, 0, principal_px[0]], [0, focal_px, principal_px[1]], [0, 0, 1]], dtype=np.float64)
    poses = np.tile(np.eye(4), (len(points_px), 1, 1))
    known = np.zeros(len(points_px), dtype=bool)
    for t, points in enumerate(points_px):
        if not np.isfinite(points).all():
            continue
        observed = np.ascontiguousarray(points, dtype=np.float64)
        found, rotation, shift = cv2.solvePnP(vertices_cm, observed, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        if found:
            rotation, shift = cv2.solvePnPRefineLM(vertices_cm, observed, camera, None, rotation, shift)
            matrix = cv2.Rodrigues(rotation)[0]
            # A face seen from behind or behind the camera is a mirror solution of a flat point set.
            known[t] = shift[2, 0] > 0 and np.trace(matrix @ FRONTAL) > 0
            poses[t, :3, :3], poses[t, :3, 3] = matrix, shift[:, 0]
    if not known.any():
        raise ValueError("PnP found no pose in any frame")
    return fill_poses(poses, known)


def fill_poses(poses: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Poses (T, 4, 4) with those not `known` (T,) interpolated; before the first and after the last, held."""
    numbers = np.flatnonzero(known)
    wanted = np.clip(np.arange(len(poses)), numbers[0], numbers[-1])
    filled = np.tile(np.eye(4), (len(poses), 1, 1))
    if len(numbers) == 1:
        filled[:] = poses[numbers[0]]
        return filled
    filled[:, :3, :3] = Slerp(numbers, Rotation.from_matrix(poses[numbers, :3, :3]))(wanted).as_matrix()
    for axis in range(3):
        filled[:, axis, 3] = np.interp(wanted, numbers, poses[numbers, axis, 3])
    return filled
