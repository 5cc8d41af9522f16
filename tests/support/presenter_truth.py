"""Holds a track against the drawn presenter's ground truth."""

import numpy as np


def _rotation_angle_degrees(rotations: np.ndarray) -> np.ndarray:
    """(T,) angles of (T, 3, 3) rotations."""
    cosine = (np.trace(rotations, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(matrix)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def pose_errors(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation errors (T,) in degrees and translation errors (T,) as a share of the true depth.

    One constant alignment is taken out first: the found head frame may be turned, scaled and shifted against the
    drawn one, for a face has no natural origin; found @ alignment = truth for all frames alike.
    """
    turn = _nearest_rotation(np.einsum("tji,tjk->ik", found[:, :3, :3], truth[:, :3, :3]))
    rotation = _rotation_angle_degrees(np.einsum("tji,tjk->tik", found[:, :3, :3] @ turn, truth[:, :3, :3]))
    # truth_t = s * (found_R @ shift + found_t): linear in (s * shift, s).
    count = len(found)
    design = np.zeros((count * 3, 4))
    design[:, :3] = found[:, :3, :3].reshape(-1, 3)
    design[:, 3] = found[:, :3, 3].reshape(-1)
    target = truth[:, :3, 3].reshape(-1)
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    residual = (design @ solution - target).reshape(-1, 3)
    return rotation, np.linalg.norm(residual, axis=1) / truth[:, 2, 3]
