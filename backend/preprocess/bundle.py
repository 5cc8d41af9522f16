"""Bundle adjustment of a clip: one focal length, one personal face shape, a head pose for every frame.

Gauss-Newton on reprojection errors with Huber weights. Poses are updated by R <- exp(w) R, t <- t + d. The shape and
the focal length are found on a selection of frames with the poses eliminated (Schur complement); the poses of all
frames then follow from them together with a prior on their second difference, a banded linear system.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solveh_banded
from scipy.spatial.transform import Rotation

from backend.preprocess.pnp import project
from backend.settings import BundleSettings

FRAMES_AT_ONCE = 256
"""Frames whose equations are formed at once: memory stays flat in clip length."""


@dataclass(frozen=True)
class BundleResult:
    """Outcome of the bundle adjustment."""

    focal_px: float
    offsets_cm: np.ndarray
    """(N, 3) personal shape minus the model's."""
    poses: np.ndarray
    """(T, 4, 4) camera from head."""
    noise_px: float
    """Landmark noise that the weights assumed, px."""
    landmarks: LandmarkInformation
    """What the landmarks say about any other poses."""


def update_poses(poses: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Poses (T, 4, 4) moved by steps (T, 6): rotation vector (radians, camera axes) then shift (cm)."""
    moved = poses.copy()
    moved[:, :3, :3] = Rotation.from_rotvec(steps[:, :3]).as_matrix() @ poses[:, :3, :3]
    moved[:, :3, 3] += steps[:, 3:]
    return moved


def pose_jacobian(rotated: np.ndarray, camera: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of projected points: by the pose step (..., 2, 6), and by the camera-frame point (..., 2, 3).

    rotated (..., 3): R X; camera (..., 3): R X + t, cm.
    """
    by_point = projection_jacobian(camera, focal_px)
    by_pose = np.empty((*camera.shape[:-1], 2, 6))
    # d(R X)/dw = -[R X]x, so a row a of by_point gives (R X) x a.
    by_pose[..., :3] = np.cross(rotated[..., None, :], by_point)
    by_pose[..., 3:] = by_point
    return by_pose, by_point


def projection_jacobian(camera: np.ndarray, focal_px: float) -> np.ndarray:
    """(..., 2, 3) derivatives of projected points by the points (..., 3) in the camera's frame, px / cm."""
    x, y, z = camera[..., 0], camera[..., 1], camera[..., 2]
    by_point = np.zeros((*camera.shape[:-1], 2, 3))
    by_point[..., 0, 0] = by_point[..., 1, 1] = focal_px / z
    by_point[..., 0, 2], by_point[..., 1, 2] = -focal_px * x / z**2, -focal_px * y / z**2
    return by_point


def huber_weights(errors: np.ndarray, limit: float) -> np.ndarray:
    """Weights 1 inside `limit`, limit / error beyond (errors are magnitudes)."""
    return np.minimum(1.0, limit / np.maximum(errors, 1e-12))


def second_differences(poses: np.ndarray) -> np.ndarray:
    """(T - 2, 6) change of the frame-to-frame motion: rotation vector (radians), shift (cm)."""
    turn = Rotation.from_matrix(poses[1:, :3, :3] @ poses[:-1, :3, :3].transpose(0, 2, 1)).as_rotvec()
    return np.hstack([np.diff(turn, axis=0), np.diff(poses[:, :3, 3], n=2, axis=0)])


def solve_smooth_steps(
    poses: np.ndarray, information: np.ndarray, gradient: np.ndarray, acceleration: np.ndarray, robust: float = 4.0
) -> np.ndarray:
    """(T, 6) pose steps that minimise the data's quadratic form plus the second-difference prior.

    information (T, 6, 6) and gradient (T, 6): J'WJ and J'Wr of each frame's data (both 0 where there are none);
    acceleration (6,): standard deviation of the second difference, per frame². Second differences beyond `robust`
    deviations (a cut in the footage) count linearly.
    """
    count = len(poses)
    band = np.zeros((18, count * 6))
    for row in range(6):
        for column in range(row + 1):
            band[row - column, column::6] += information[:, row, column]
    band[0] += 1e-9 * max(float(np.abs(band[0]).max()), 1.0)
    right = -gradient.copy()
    if count >= 3:
        bend = second_differences(poses) / acceleration
        weight = huber_weights(np.linalg.norm(bend, axis=1) / math.sqrt(6), robust)[:, None] / acceleration**2
        residual = bend * acceleration * weight
        for first, left in enumerate((1.0, -2.0, 1.0)):
            right[first : count - 2 + first] -= left * residual
            for second, other in enumerate((1.0, -2.0, 1.0)[: first + 1]):
                entries = np.zeros((count, 6))
                entries[second : count - 2 + second] = left * other * weight
                band[6 * (first - second)] += entries.ravel()
    return solveh_banded(band, right.ravel(), lower=True).reshape(count, 6)


@dataclass(frozen=True)
class LandmarkInformation:
    """What the landmarks of a clip say about its poses, for a known shape and camera."""

    points_px: np.ndarray
    """(T, N, 2) px, NaN in frames without a face."""
    shape_cm: np.ndarray
    """(N, 3)."""
    focal_px: float
    principal_px: np.ndarray
    noise_px: float
    settings: BundleSettings

    def at(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """J'WJ (T, 6, 6) and J'Wr (T, 6) of every frame at poses (T, 4, 4); 0 in frames without a face."""
        seen = np.isfinite(self.points_px).all(axis=(1, 2))
        information, gradient = np.zeros((len(poses), 6, 6)), np.zeros((len(poses), 6))
        share = min(1.0, self.settings.independent_points / self.points_px.shape[1]) / self.noise_px**2
        for start in range(0, len(poses), FRAMES_AT_ONCE):
            part = start + np.flatnonzero(seen[start : start + FRAMES_AT_ONCE])
            rotated = self.shape_cm @ poses[part, :3, :3].transpose(0, 2, 1)
            camera = rotated + poses[part, None, :3, 3]
            by_pose, _ = pose_jacobian(rotated, camera, self.focal_px)
            error = self.focal_px * camera[..., :2] / camera[..., 2:] + self.principal_px - self.points_px[part]
            weight = huber_weights(np.linalg.norm(error, axis=-1), self.settings.huber * self.noise_px) * share
            weighted = by_pose * weight[..., None, None]
            information[part] = np.einsum("tnij,tnik->tjk", weighted, by_pose, optimize=True)
            gradient[part] = np.einsum("tnij,tni->tj", weighted, error, optimize=True)
        return information, gradient


def adjust_poses(poses: np.ndarray, landmarks: LandmarkInformation, fps: float) -> np.ndarray:
    """(T, 4, 4) poses of all frames by their landmarks, smooth in time; those without one follow their neighbours."""
    acceleration = acceleration_per_frame(fps, landmarks.settings)
    for _ in range(landmarks.settings.pose_iterations):
        steps = solve_smooth_steps(poses, *landmarks.at(poses), acceleration)
        poses = update_poses(poses, steps)
        if np.abs(steps).max() < 1e-5:
            break
    return poses


def acceleration_per_frame(fps: float, settings: BundleSettings) -> np.ndarray:
    """(6,) standard deviation of the second difference of rotation (radians) and shift (cm) at this frame rate."""
    return np.repeat([math.radians(settings.rotation_acceleration), settings.shift_acceleration], 3) / fps**2


def bundle_adjust(
    points_px: np.ndarray,
    model_cm: np.ndarray,
    poses: np.ndarray,
    focal_px: float,
    focal_log_spread: float,
    principal_px: np.ndarray,
    fps: float,
    settings: BundleSettings | None = None,
) -> BundleResult:
    """Shared focal length, personal shape and all poses from the rigid landmarks of a clip.

    points_px (T, N, 2) px, NaN in frames without a face; model_cm (N, 3); poses (T, 4, 4) the first guess; focal_px and
    focal_log_spread: the prior of the focal length, and its spread as a natural log.
    """
    settings = settings or BundleSettings()
    seen = np.flatnonzero(np.isfinite(points_px).all(axis=(1, 2)))
    chosen = seen[np.unique(np.linspace(0, len(seen) - 1, min(settings.frames, len(seen))).round().astype(int))]
    observed, picked = points_px[chosen], poses[chosen]
    height_px = float(np.median(np.ptp(observed[..., 1], axis=1)))
    noise_px = settings.noise_share * height_px
    count, points = observed.shape[:2]
    share = min(1.0, settings.independent_frames / count) / noise_px**2
    offsets, focal = np.zeros_like(model_cm), focal_px
    for _ in range(settings.iterations):
        rotated = (model_cm + offsets) @ picked[:, :3, :3].transpose(0, 2, 1)
        camera = rotated + picked[:, None, :3, 3]
        by_pose, by_point = pose_jacobian(rotated, camera, focal)
        by_shape = by_point @ picked[:, None, :3, :3]
        by_log_focal = focal * camera[..., :2] / camera[..., 2:]
        error = by_log_focal + principal_px - observed
        weight = huber_weights(np.linalg.norm(error, axis=-1), settings.huber * noise_px) * share
        w_pose = by_pose * weight[..., None, None]
        pose_pose = np.einsum("tnij,tnik->tjk", w_pose, by_pose, optimize=True) + 1e-9 * np.eye(6)
        pose_right = -np.einsum("tnij,tni->tj", w_pose, error, optimize=True)
        pose_shared = np.concatenate(
            [
                np.einsum("tnij,tnik->tjnk", w_pose, by_shape, optimize=True).reshape(count, 6, points * 3),
                np.einsum("tnij,tni->tj", w_pose, by_log_focal, optimize=True)[..., None],
            ],
            axis=2,
        )
        shared = np.zeros((points * 3 + 1, points * 3 + 1))
        right = np.zeros(points * 3 + 1)
        blocks = np.einsum("tn,tnij,tnik->njk", weight, by_shape, by_shape, optimize=True)
        for n in range(points):
            shared[3 * n : 3 * n + 3, 3 * n : 3 * n + 3] = blocks[n] + np.eye(3) / settings.shape_spread_cm**2
        cross = np.einsum("tn,tnij,tni->nj", weight, by_shape, by_log_focal, optimize=True).ravel()
        shared[:-1, -1] = shared[-1, :-1] = cross
        shared[-1, -1] = (weight[..., None] * by_log_focal**2).sum() + focal_log_spread**-2
        right[:-1] = -np.einsum("tn,tnij,tni->nj", weight, by_shape, error, optimize=True).ravel()
        right[:-1] -= offsets.ravel() / settings.shape_spread_cm**2
        right[-1] = -(weight[..., None] * by_log_focal * error).sum()
        right[-1] -= math.log(focal / focal_px) * focal_log_spread**-2
        solved = np.linalg.solve(pose_pose, np.concatenate([pose_shared, pose_right[..., None]], axis=2))
        rows = pose_shared.reshape(count * 6, -1)
        shared -= rows.T @ solved[..., :-1].reshape(count * 6, -1)
        right -= rows.T @ solved[..., -1].ravel()
        shared[np.diag_indices_from(shared)] *= 1 + 1e-7
        step = cho_solve(cho_factor(shared), right)
        pose_steps = solved[..., -1] - solved[..., :-1] @ step
        offsets = offsets + step[:-1].reshape(points, 3)
        focal *= math.exp(float(np.clip(step[-1], -0.3, 0.3)))
        picked = update_poses(picked, pose_steps)
        if np.abs(step).max() < 1e-5:
            break
    poses = poses.copy()
    poses[:, 2, 3] *= focal / focal_px
    poses[chosen] = picked
    information = LandmarkInformation(points_px, model_cm + offsets, focal, principal_px, noise_px, settings)
    return BundleResult(focal, offsets, adjust_poses(poses, information, fps), noise_px, information)


def fit_shape(
    points_px: np.ndarray,
    model_cm: np.ndarray,
    poses: np.ndarray,
    focal_px: float,
    principal_px: np.ndarray,
    weights: np.ndarray,
    noise_px: float,
    settings: BundleSettings | None = None,
) -> np.ndarray:
    """(N, 3) cm offsets of any points of the face from known poses: each by weighted least squares with the prior.

    points_px (T, N, 2), weights (T,) how much each frame shows the neutral face (0: not at all).
    """
    settings = settings or BundleSettings()
    used = np.flatnonzero((weights > 0) & np.isfinite(points_px).all(axis=(1, 2)))
    share = weights / weights[used].sum() * min(settings.independent_frames, len(used)) / noise_px**2
    offsets = np.zeros_like(model_cm)
    for _ in range(4):
        normal = np.tile(np.eye(3) / settings.shape_spread_cm**2, (len(model_cm), 1, 1))
        right = -offsets / settings.shape_spread_cm**2
        for start in range(0, len(used), FRAMES_AT_ONCE):
            part = used[start : start + FRAMES_AT_ONCE]
            camera = (model_cm + offsets) @ poses[part, :3, :3].transpose(0, 2, 1) + poses[part, None, :3, 3]
            by_shape = projection_jacobian(camera, focal_px) @ poses[part, None, :3, :3]
            error = focal_px * camera[..., :2] / camera[..., 2:] + principal_px - points_px[part]
            trust = huber_weights(np.linalg.norm(error, axis=-1), settings.huber * noise_px) * share[part, None]
            normal += np.einsum("tn,tnij,tnik->njk", trust, by_shape, by_shape, optimize=True)
            right -= np.einsum("tn,tnij,tni->nj", trust, by_shape, error, optimize=True)
        offsets = offsets + np.linalg.solve(normal, right[..., None])[..., 0]
    return offsets


def recentred_offsets(
    points_px: np.ndarray, shape_cm: np.ndarray, poses: np.ndarray, focal_px: float, principal_px: np.ndarray
) -> np.ndarray:
    """(N, 3) cm to add to the shape so that every point's mean reprojection error vanishes; depth stays as it is.

    For poses that came from more than the landmarks. points_px (T, N, 2), NaN in frames without a face.
    """
    seen = np.isfinite(points_px).all(axis=(1, 2))
    error_px = points_px[seen] - project(shape_cm, poses[seen], focal_px, principal_px)
    depth_cm = (shape_cm @ poses[seen, 2, :3].T + poses[seen, 2, 3]).T
    across_cm = np.concatenate([error_px, np.zeros_like(error_px[..., :1])], axis=2) * depth_cm[..., None] / focal_px
    offsets = (across_cm @ poses[seen, :3, :3]).mean(axis=0)
    offsets[:, 2] = 0.0
    return offsets
