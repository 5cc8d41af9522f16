"""Rigid head motion: SE(3) algebra on torch tensors, and what a head-pose track says about the body below it.

Quaternions are (w, x, y, z). Poses are `camera_from_head` (4, 4), head centimetres to OpenCV camera centimetres.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation
from torch import Tensor


def quaternion_multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of (..., 4) quaternions; the leading shapes broadcast."""
    if a.ndim == 1 and b.ndim == 2:
        # One turn for many: the product is linear in b, and a matrix product is far cheaper than sixteen columns'.
        w, x, y, z = a.unbind()
        rows = (w, -x, -y, -z, x, w, -z, y, y, z, w, -x, z, -y, x, w)
        return b @ torch.stack(rows).view(4, 4).T
    a, b = torch.broadcast_tensors(a, b)
    products = (a[..., :, None] * b[..., None, :]).flatten(-2)
    return products @ _hamilton(a.dtype, a.device)


@functools.cache
def _hamilton(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(16, 4) what the products of two quaternions' parts add to those of their product: one matrix product instead of
    sixteen columns', each of which a GPU would be told by itself."""
    w, x, y, z = torch.eye(4, dtype=torch.float64)
    rows = (w, x, y, z, x, -w, z, -y, y, -z, -w, x, z, y, -x, -w)
    return torch.stack(rows).to(device, dtype)


def quaternion_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """(..., 4) unit quaternions with w >= 0 of (..., 3, 3) rotation matrices."""
    flat = Rotation.from_matrix(np.asarray(rotation, np.float64).reshape(-1, 3, 3)).as_quat(canonical=True)
    return flat[:, [3, 0, 1, 2]].reshape(*np.shape(rotation)[:-2], 4)


def rotation_from_vector(vector: Tensor) -> Tensor:
    """(3, 3) rotation matrix of a rotation vector (3,), radians; differentiable, also at zero."""
    x, y, z = vector.unbind()
    zero = torch.zeros_like(x)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero)).view(3, 3)
    squared = (vector * vector).sum()
    # Rodrigues' formula, where torch's matrix exponential is dozens of kernels and makes a GPU stop.
    angle = (squared + 1e-12).sqrt()
    along, half = angle.sin() / angle, (0.5 * angle).sin() / angle
    across = 2 * half * half
    unmoved = torch.eye(3, dtype=vector.dtype, device=vector.device) * (1 - across * squared)
    return unmoved + along * skew + across * torch.outer(vector, vector)


def quaternion_from_vector(vector: Tensor) -> Tensor:
    """(4,) unit quaternion of a rotation vector (3,), radians; differentiable, also at zero."""
    half_squared = (vector * vector).sum() * 0.25
    half = (half_squared + 1e-12).sqrt()
    return torch.cat((half.cos()[None], vector * (0.5 * half.sin() / half)))


def mean_pose(poses: np.ndarray) -> np.ndarray:
    """(4, 4) rotation-averaged, translation-averaged pose of a track (T, 4, 4)."""
    mean = np.eye(4)
    mean[:3, :3] = Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix()
    mean[:3, 3] = poses[:, :3, 3].mean(axis=0)
    return mean


def relative_motion(poses: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(T, 6) head motion against the pose `rest`: rotation vector (radians) and translation (cm), camera axes."""
    turn = Rotation.from_matrix(poses[:, :3, :3] @ rest[:3, :3].T).as_rotvec()
    return np.concatenate([turn, poses[:, :3, 3] - rest[:3, 3]], axis=1)


def motion_features(poses: np.ndarray, rest: np.ndarray, fps: float, windows_s: tuple[float, ...]) -> np.ndarray:
    """What a head track says about the body: its motion, low-passed by each of `windows_s`.

    poses (T, 4, 4); `windows_s` standard deviations of the low-pass windows, seconds: 0 is the motion itself.
    Returns (T, 6 * len(windows_s)). A still pose gives the same values in every block.
    """
    motion = relative_motion(np.asarray(poses, np.float64), rest)
    blocks = [
        gaussian_filter1d(motion, window * fps, axis=0, mode="nearest") if window else motion for window in windows_s
    ]
    return np.concatenate(blocks, axis=1).astype(np.float32)
