"""PnP and bundle adjustment recover a known camera from projected points with noise."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.face.mesh import load_canonical_face, parse_mesh
from backend.face.points import RIGID_POINTS
from backend.preprocess.bundle import BundleSettings, bundle_adjust, second_differences
from backend.preprocess.pnp import FRONTAL, fill_poses, initial_poses, project

FOCAL, PRINCIPAL, FPS, FRAMES = 700.0, np.array([250.0, 260.0]), 25.0, 90


@pytest.fixture(scope="module")
def face():
    return load_canonical_face()


@pytest.fixture(scope="module")
def poses():
    t = np.arange(FRAMES) / FPS
    angles = np.stack([14 * np.sin(2.1 * t), 7 * np.sin(1.7 * t + 1), 4 * np.cos(1.3 * t)], axis=1)
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("yxz", angles, degrees=True).as_matrix() @ FRONTAL
    poses[:, :3, 3] = np.stack([np.sin(t), 0.5 * np.cos(t), 60 + np.sin(0.8 * t)], axis=1)
    return poses


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(Rotation.from_matrix(a[:, :3, :3] @ b[:, :3, :3].transpose(0, 2, 1)).magnitude())


def test_pnp_finds_exact_poses_from_exact_points(face, poses):
    model = face.vertices[RIGID_POINTS]
    found = initial_poses(project(model, poses, FOCAL, PRINCIPAL), model, FOCAL, PRINCIPAL)
    assert _angles(found, poses).max() < 0.01
    np.testing.assert_allclose(found[:, :3, 3], poses[:, :3, 3], atol=0.01)


def test_bundle_adjustment_recovers_poses_focal_length_and_shape_from_noise(face, poses):
    rng = np.random.default_rng(0)
    model = face.vertices[RIGID_POINTS]
    shape = model + rng.normal(0, 0.15, model.shape)
    points = project(shape, poses, FOCAL, PRINCIPAL) + rng.normal(0, 0.7, (FRAMES, len(model), 2))
    guess = initial_poses(points, model, 1.06 * FOCAL, PRINCIPAL)
    result = bundle_adjust(
        points, model, guess, 1.06 * FOCAL, 0.1, PRINCIPAL, FPS, BundleSettings(independent_frames=FRAMES)
    )
    errors = np.linalg.norm(
        project(model + result.offsets_cm, result.poses, result.focal_px, PRINCIPAL) - points, axis=-1
    )
    assert errors.mean() < 1.0
    assert result.focal_px == pytest.approx(FOCAL, rel=0.06)
    turn = Rotation.from_matrix(poses[:, :3, :3].transpose(0, 2, 1) @ result.poses[:, :3, :3]).mean().as_matrix()
    aligned = poses.copy()
    aligned[:, :3, :3] = poses[:, :3, :3] @ turn
    assert _angles(result.poses, aligned).mean() < 0.5
    np.testing.assert_allclose(result.poses[:, 2, 3] / result.focal_px, poses[:, 2, 3] / FOCAL, rtol=0.03)


def test_frames_without_a_face_follow_their_neighbours(face, poses):
    model = face.vertices[RIGID_POINTS]
    points = project(model, poses, FOCAL, PRINCIPAL)
    points[40:44] = np.nan
    guess = initial_poses(points, model, FOCAL, PRINCIPAL)
    result = bundle_adjust(points, model, guess, FOCAL, 0.01, PRINCIPAL, FPS)
    assert np.isfinite(result.poses).all()
    assert _angles(result.poses[40:44], poses[40:44]).max() < 1.0


def test_the_second_difference_prior_takes_jitter_out(face, poses):
    model = face.vertices[RIGID_POINTS]
    noise = np.random.default_rng(1).normal(0, 2.0, (FRAMES, 1, 2))
    points = project(model, poses, FOCAL, PRINCIPAL) + noise
    guess = initial_poses(points, model, FOCAL, PRINCIPAL)
    settings = BundleSettings(shift_acceleration=20.0)
    result = bundle_adjust(points, model, guess, FOCAL, 0.01, PRINCIPAL, FPS, settings)
    assert second_differences(result.poses)[:, 3:5].std() < 0.7 * second_differences(guess)[:, 3:5].std()


def test_poses_between_known_ones_are_interpolated(poses):
    known = np.ones(FRAMES, dtype=bool)
    known[[0, 10, -1]] = False
    filled = fill_poses(poses, known)
    np.testing.assert_allclose(filled[0], poses[1])
    np.testing.assert_allclose(filled[-1], poses[-2])
    np.testing.assert_allclose(filled[10, :3, 3], (poses[9, :3, 3] + poses[11, :3, 3]) / 2, atol=1e-9)


def test_the_canonical_mesh_has_its_known_points_and_triangles(face):
    assert face.vertices.shape == (468, 3) and face.uv.shape == (468, 2) and face.triangles.shape == (898, 3)
    np.testing.assert_allclose(face.vertices[1], (0.0, -1.126865, 7.475604), atol=1e-6)
    assert face.triangles.min() == 0 and face.triangles.max() == 467
    assert face.vertices[454, 0] > 0 > face.vertices[234, 0]


def test_a_message_without_a_mesh_is_refused():
    with pytest.raises(ValueError, match="no mesh"):
        parse_mesh(b"\x10\x01")
