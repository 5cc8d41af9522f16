"""The splatting model written once more, slowly: one pixel after the other, in double precision, by the textbook.

It shares no code with backend/raster, and takes another way wherever there is one: rotations as quaternion products,
covariances as 3x3 matrices that are carried through the camera and inverted, spherical harmonics from Legendre
functions. Zwicker et al. 2001 (EWA splatting); Kerbl et al. 2023 (3D Gaussian Splatting). NumPy and SciPy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import lpmv

BLUR_PX2 = 0.3
LEAST_ALPHA = 1.0 / 255.0
MOST_ALPHA = 0.999
LEAST_TRANSMITTANCE = 1e-4
NEAR = 0.01
FIELD_MARGIN = 0.3
"""Of half the picture: as far outside of it the perspective's slope is taken."""


@dataclass
class Picture:
    """What a case looks like."""

    features: np.ndarray
    """(H, W, C) premultiplied."""
    alpha: np.ndarray
    """(H, W)"""
    depth: np.ndarray
    """(H, W) premultiplied."""
    closest: float
    """How near any pixel comes to one of the model's edges, as a share of the edge: an alpha to the least one, a
    transmittance to the least one. An engine that rounds may fall on either side of a nearer edge."""


@dataclass
class _Splat:
    centre: np.ndarray
    inverse_covariance: np.ndarray
    depth: float
    opacity: float
    values: np.ndarray


def draw(case: dict[str, np.ndarray]) -> Picture:
    """The picture of a case: arrays as `rasterize` names them, `intrinsics` as (fx, fy, cx, cy), `size` as (width,
    height); `harmonics` may have no bases."""
    splats = [_project(case, i) for i in range(len(case["means"]))]
    seen = sorted((splat for splat in splats if splat), key=lambda splat: splat.depth)
    width, height = (int(side) for side in case["size"])
    channels = case["features"].shape[1] + (3 if case["harmonics"].shape[1] else 0)
    out = Picture(np.zeros((height, width, channels)), np.zeros((height, width)), np.zeros((height, width)), math.inf)
    for row in range(height):
        for column in range(width):
            _draw_pixel(out, row, column, seen)
    return out


def _draw_pixel(out: Picture, row: int, column: int, splats: list[_Splat]) -> None:
    pixel = np.array([column + 0.5, row + 0.5])
    transmittance = 1.0
    for splat in splats:
        offset = pixel - splat.centre
        alpha = min(MOST_ALPHA, splat.opacity * math.exp(-0.5 * offset @ splat.inverse_covariance @ offset))
        out.closest = min(out.closest, abs(alpha / LEAST_ALPHA - 1.0))
        if alpha < LEAST_ALPHA:
            continue
        left = transmittance * (1.0 - alpha)
        out.closest = min(out.closest, abs(left / LEAST_TRANSMITTANCE - 1.0))
        if left <= LEAST_TRANSMITTANCE:
            return
        weight = transmittance * alpha
        out.features[row, column] += weight * splat.values
        out.alpha[row, column] += weight
        out.depth[row, column] += weight * splat.depth
        transmittance = left


def _project(case: dict[str, np.ndarray], i: int) -> _Splat | None:
    """Gaussian `i` on screen; None where it is not before the camera, or too faint to be seen anywhere."""
    world_to_camera = case["camera_from_world"].astype(np.float64)
    rotation, shift = world_to_camera[:3, :3], world_to_camera[:3, 3]
    mean = case["means"][i].astype(np.float64)
    x, y, z = rotation @ mean + shift
    opacity = float(case["opacities"][i])
    if z <= NEAR or opacity < LEAST_ALPHA:
        return None
    fx, fy, cx, cy = (float(value) for value in case["intrinsics"])
    width, height = (int(side) for side in case["size"])

    own_axes = _rotation(case["quaternions"][i].astype(np.float64))
    covariance = own_axes @ np.diag(case["scales"][i].astype(np.float64) ** 2) @ own_axes.T
    in_camera = rotation @ covariance @ rotation.T
    slope_x = _limited(x / z, -cx / fx, (width - cx) / fx)
    slope_y = _limited(y / z, -cy / fy, (height - cy) / fy)
    jacobian = np.array([[fx / z, 0.0, -fx * slope_x / z], [0.0, fy / z, -fy * slope_y / z]])
    on_screen = jacobian @ in_camera @ jacobian.T + BLUR_PX2 * np.eye(2)

    values = case["features"][i].astype(np.float64)
    if case["harmonics"].shape[1]:
        direction = mean + rotation.T @ shift
        colour = _colour(case["harmonics"][i].astype(np.float64), direction / np.linalg.norm(direction))
        values = np.concatenate([colour, values])
    centre = np.array([fx * x / z + cx, fy * y / z + cy])
    return _Splat(centre, np.linalg.inv(on_screen), float(z), opacity, values)


def _limited(slope: float, low: float, high: float) -> float:
    """The slope, but no farther outside of the picture's own (low to high) than the margin."""
    margin = FIELD_MARGIN * (high - low) / 2
    return min(max(slope, low - margin), high + margin)


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    """The matrix whose columns are the axes, each turned by q v q*."""
    quaternion = quaternion / np.linalg.norm(quaternion)
    conjugate = quaternion * [1.0, -1.0, -1.0, -1.0]
    turned = [_product(_product(quaternion, np.array([0.0, *axis])), conjugate)[1:] for axis in np.eye(3)]
    return np.stack(turned, axis=1)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton's product of quaternions (w, x, y, z)."""
    return np.array([a[0] * b[0] - a[1:] @ b[1:], *(a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:]))])


def _colour(coefficients: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """max(0, 0.5 + sum of coefficient x real spherical harmonic), with the Condon-Shortley phase (lpmv has it)."""
    total = np.full(3, 0.5)
    azimuth = math.atan2(direction[1], direction[0])
    for index, coefficient in enumerate(coefficients):
        degree = math.isqrt(index)
        order = index - degree * degree - degree
        m = abs(order)
        norm = math.sqrt(
            (2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m) * (2 if m else 1)
        )
        turn = math.sin(m * azimuth) if order < 0 else math.cos(m * azimuth)
        total += norm * turn * float(lpmv(m, degree, direction[2])) * coefficient
    return np.maximum(total, 0.0)
