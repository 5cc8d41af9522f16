"""The head, OpenCV's camera and Blender's world agree."""

import math

import pytest

from shared.camera import Intrinsics, camera_from_head, camera_to_world, invert_rigid, multiply


def _pose(yaw: float, t: tuple[float, float, float]) -> list[list[float]]:
    """A head that faces the camera, turned by `yaw` about its vertical axis."""
    c, s = math.cos(yaw), math.sin(yaw)
    flip: list[list[float]] = [[1, 0, 0, t[0]], [0, -1, 0, t[1]], [0, 0, -1, t[2]], [0, 0, 0, 1]]
    return multiply(flip, [[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]])


def _apply(m, p):
    return [sum(m[i][k] * [*p, 1.0][k] for k in range(4)) for i in range(3)]


def test_a_camera_60_cm_before_the_face_stands_at_minus_y_and_is_upright():
    world = camera_to_world(_pose(0.0, (0.0, 0.0, 60.0)))
    assert [row[3] for row in world[:3]] == pytest.approx([0.0, -0.6, 0.0])
    assert _apply(world, (0.0, 1.0, 0.0)) == pytest.approx([0.0, -0.6, 1.0])
    assert _apply(world, (0.0, 0.0, -1.0)) == pytest.approx([0.0, 0.4, 0.0])


def test_poses_survive_the_way_to_blender_and_back():
    pose = _pose(0.3, (2.0, -1.5, 55.0))
    back = camera_from_head(camera_to_world(pose))
    for row, expected in zip(back, pose, strict=True):
        assert row == pytest.approx(expected, abs=1e-12)


def test_a_point_of_the_head_projects_alike_through_both_cameras():
    pose, point = _pose(-0.4, (3.0, 2.0, 70.0)), (1.5, -4.0, 5.0)
    lens = Intrinsics(900.0, 900.0, 250.0, 262.0, 512, 512)
    x, y, z = _apply(pose, point)
    expected = (lens.fx * x / z + lens.cx, lens.fy * y / z + lens.cy)
    in_world = [0.01 * point[0], -0.01 * point[2], 0.01 * point[1]]
    bx, by, bz = _apply(invert_rigid(camera_to_world(pose)), in_world)
    mm, shift_x, shift_y = lens.blender_lens(36.0)
    u = 512 * (0.5 - shift_x + (mm / 36.0) * bx / -bz)
    v = 512 * 0.5 + 512 * shift_y - 512 * (mm / 36.0) * by / -bz
    assert (u, v) == pytest.approx(expected, abs=1e-9)


def test_a_resampled_camera_projects_to_the_same_place_of_the_picture():
    lens = Intrinsics(900.0, 910.0, 250.0, 262.0, 512, 512).scaled(128, 128)
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == (225.0, 227.5, 62.5, 65.5)
