"""Rotations by our own arithmetic, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend import rotations


def as_scipy(quaternions: np.ndarray) -> Rotation:
    return Rotation.from_quat(quaternions, scalar_first=True)


@pytest.mark.parametrize("largest_rad", [0.0, 1e-9, 0.01, 0.5, 3.1415])
def test_vectors_matrices_and_quaternions_are_converted_as_scipy_does(largest_rad):
    draw = np.random.default_rng(0)
    axes = draw.standard_normal((500, 3))
    vectors = axes / np.linalg.norm(axes, axis=1, keepdims=True) * draw.uniform(0, largest_rad, (500, 1))
    truth = Rotation.from_rotvec(vectors)
    quaternions = rotations.from_matrix(truth.as_matrix())
    assert np.abs(quaternions - truth.as_quat(canonical=True, scalar_first=True)).max() < 1e-14
    assert np.abs(rotations.from_vector(vectors) - quaternions).max() < 1e-14
    assert np.abs(rotations.to_vector(quaternions) - vectors).max() < 1e-14
    assert np.abs(rotations.to_matrix(quaternions) - truth.as_matrix()).max() < 1e-14


def test_half_turns_are_rotations_too():
    for axis in np.eye(3):
        matrix = Rotation.from_rotvec(np.pi * axis).as_matrix()
        assert np.abs(rotations.to_matrix(rotations.from_matrix(matrix)) - matrix).max() < 1e-15
        assert np.abs(np.abs(rotations.to_vector(rotations.from_matrix(matrix))) - np.pi * axis).max() < 1e-14


def test_rotations_follow_each_other_and_turn_back_as_scipys_do():
    a, b = (Rotation.random(100, random_state=seed) for seed in (0, 1))
    first, second = (r.as_quat(canonical=True, scalar_first=True) for r in (a, b))
    product = rotations.multiply(first, second)
    assert (product[:, 0] >= 0).all()
    assert np.abs(rotations.to_matrix(product) - (a * b).as_matrix()).max() < 1e-14
    back = rotations.multiply(rotations.inverse(first), first)
    assert np.abs(back - [1.0, 0.0, 0.0, 0.0]).max() < 1e-15


def test_the_mean_is_the_nearest_to_all_as_scipys_is():
    for spread in (1e-6, 0.1, 1.0):
        turned = Rotation.from_rotvec(spread * np.random.default_rng(2).standard_normal((200, 3)) + [2.0, 0.0, 1.0])
        mean = rotations.mean(turned.as_quat(scalar_first=True))
        assert (as_scipy(mean).inv() * turned.mean()).magnitude() < 1e-13
