"""Rotations by arithmetic that gives the same bits on every machine (see `exact`): no BLAS, no library's sine.

Quaternions are float64 arrays (..., 4), (w, x, y, z), of unit length with w >= 0; vectors (..., 3) are axis times
angle, radians; leading shapes broadcast. scipy's Rotation gives the same to rounding.
"""

from __future__ import annotations

import math

import numpy as np

from backend.exact import small_product

_HALVINGS = 3
"""The series for sine and arc sine are taken of an eighth of the half turn at most, where they converge at once."""
_SQUARINGS = 8
"""The mean is the direction that survives 2^8 multiplications with the quaternions' scatter."""


def from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Quaternions of rotation matrices (..., 3, 3)."""
    m = np.asarray(matrix, np.float64)
    a, b, c, d, e, f, g, h, i = (m[..., row, column] for row in range(3) for column in range(3))
    # Four times the quaternion's products with itself: every row is the quaternion at some length. The row whose square
    # is largest has lost the fewest digits.
    rows = (
        (1 + a + e + i, h - f, c - g, d - b),
        (h - f, 1 + a - e - i, d + b, c + g),
        (c - g, d + b, 1 - a + e - i, h + f),
        (d - b, c + g, h + f, 1 - a - e + i),
    )
    products = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    largest = np.stack([rows[k][k] for k in range(4)], axis=-1).argmax(axis=-1)
    return _unit(np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :])


def to_matrix(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3)."""
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_vector(vectors: np.ndarray) -> np.ndarray:
    """Quaternions of rotation vectors."""
    # The quaternion of an eighth of the turn, then doubled three times.
    part = np.asarray(vectors, np.float64) * 0.5 / 2**_HALVINGS
    square = _square(part)
    w, xyz = np.zeros_like(square), np.zeros_like(square)
    for k in reversed(range(12)):
        w = w * -square + 1 / math.factorial(2 * k)
        xyz = xyz * -square + 1 / math.factorial(2 * k + 1)
    quaternions = np.concatenate([w, part * xyz], axis=-1)
    for _ in range(_HALVINGS):
        w, xyz = quaternions[..., :1], quaternions[..., 1:]
        quaternions = np.concatenate([w * w - _square(xyz), 2 * w * xyz], axis=-1)
    return _unit(quaternions)


def to_vector(quaternions: np.ndarray) -> np.ndarray:
    """Rotation vectors of at most half a turn."""
    # The sum of a rotation and none at all points halfway.
    for _ in range(_HALVINGS):
        quaternions = _unit(np.asarray(quaternions, np.float64) + [1.0, 0.0, 0.0, 0.0])
    sine = quaternions[..., 1:]
    square = _square(sine)
    series = np.zeros_like(square)
    for k in reversed(range(14)):
        series = series * square + math.comb(2 * k, k) / (4**k * (2 * k + 1))
    return sine * series * 2.0 * 2**_HALVINGS


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation b, then a."""
    (aw, ax, ay, az), (bw, bx, by, bz) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
    parts = (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )
    return _unit(np.stack(parts, axis=-1))


def inverse(quaternions: np.ndarray) -> np.ndarray:
    """The rotations back."""
    return quaternions * [1.0, -1.0, -1.0, -1.0]


def mean(quaternions: np.ndarray) -> np.ndarray:
    """(4,) the rotation nearest to (T, 4) in the least-squares sense (as Rotation.mean, after Markley et al. 2007)."""
    scatter = (quaternions[:, :, None] * quaternions[:, None, :]).sum(axis=0)
    for _ in range(_SQUARINGS):
        scatter = scatter / (scatter[0, 0] + scatter[1, 1] + scatter[2, 2] + scatter[3, 3])
        scatter = small_product(scatter, scatter)
    return _unit(scatter[scatter.diagonal().argmax()])


def _square(vectors: np.ndarray) -> np.ndarray:
    """(..., 1) squared lengths of vectors (..., D)."""
    total = vectors[..., :1] * vectors[..., :1]
    for k in range(1, vectors.shape[-1]):
        total = total + vectors[..., k : k + 1] * vectors[..., k : k + 1]
    return total


def _unit(quaternions: np.ndarray) -> np.ndarray:
    """Quaternions at unit length, with w >= 0."""
    return np.where(quaternions[..., :1] < 0, -1.0, 1.0) * quaternions / np.sqrt(_square(quaternions))
