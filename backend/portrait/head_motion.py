"""Rigid head motion: SE(3) algebra on torch tensors, and what a head-pose track says about the body below it.

Quaternions are (w, x, y, z). Poses are `camera_from_head` (4, 4), head centimetres to OpenCV camera centimetres.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend import exact, rotations


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
    return rotations.from_matrix(rotation)


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
    back = rotations.inverse(rotations.from_matrix(rest[:3, :3]))
    turn = rotations.to_vector(rotations.multiply(rotations.from_matrix(poses[:, :3, :3]), back))
    return np.concatenate([turn, poses[:, :3, 3] - rest[:3, 3]], axis=1)


def motion_features(poses: np.ndarray, rest: np.ndarray, fps: float, windows_s: tuple[float, ...]) -> np.ndarray:
    """What a head track says about the body: its motion, low-passed by each of `windows_s`.

    poses (T, 4, 4); `windows_s` standard deviations of the low-pass windows, seconds: 0 is the motion itself.
    Returns (T, 6 * len(windows_s)). A still pose gives the same values in every block.
    """
    motion = relative_motion(np.asarray(poses, np.float64), rest)
    blocks = [_low_passed(motion, window * fps) if window else motion for window in windows_s]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def _low_passed(values: np.ndarray, deviation: float) -> np.ndarray:
    """Values (T, D) under a Gaussian window of that deviation in frames, cut at four; the ends are held.

    scipy's gaussian_filter1d, but with the same bits on every machine.
    """
    reach = int(4.0 * deviation + 0.5)
    weights = exact.exp(-0.5 * np.arange(reach + 1) ** 2 / deviation**2)
    held = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    centre = held[reach : reach + len(values)]
    total, sides = centre * weights[0], 0.0
    for k in range(1, reach + 1):
        before, after = (held[at : at + len(values)] for at in (reach - k, reach + k))
        total = total + weights[k] * (before + after)
        sides += float(weights[k])
    return total / (float(weights[0]) + 2.0 * sides)
