"""Posing by Warp's kernel against double precision: on Warp's CPU device, and on a GPU where there is one."""

from __future__ import annotations

import pytest
import torch

from backend.portrait.posing import Part, Posed, kernel_set, pose_in_torch
from backend.raster import cuda
from tests.unit.kernels.test_posing import NAMES, TURNS, head_pose, in_double, pose, relative_error, rest_pose, scene

pytest.importorskip("warp", reason="NVIDIA Warp is not installed here (requirements/cuda.txt)")

from backend.portrait import cuda_posing


def by_warp(parts: list[Part], head, turn, rest, rest_rotation, mattes: bool) -> Posed:
    sets = [kernel_set(part, rest, rest_rotation) for part in parts]
    return Posed(*cuda_posing.pose(sets, head, turn, mattes))


def on_the_gpu(parts: list[Part], *tensors) -> Posed:
    """As `by_warp`, of copies on the GPU."""
    *places, mattes = tensors
    moved = []
    for part in parts:
        body = None if part.body is None else part.body.cuda()
        change = None if part.change is None else part.change.cuda()
        moved.append((part, change, body))
    sets = []
    for part, change, body in moved:
        own = kernel_set(Part(part.gaussians, change, part.torso, body), *(place.cuda() for place in places[2:]))
        for name, value in vars(own).items():
            if isinstance(value, torch.Tensor):
                setattr(own, name, value.cuda())
        if own.neck is not None:
            for name, value in vars(own.neck).items():
                if isinstance(value, torch.Tensor):
                    setattr(own.neck, name, value.cuda())
        sets.append(own)
    posed = cuda_posing.pose(sets, places[0].cuda(), places[1].cuda(), mattes)
    return Posed(*(value.cpu() for value in posed))


ways = pytest.mark.parametrize(
    "way",
    [
        by_warp,
        pytest.param(
            on_the_gpu,
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU for the cuda engine: {cuda.why_not()}"),
            ],
        ),
    ],
)


@ways
@pytest.mark.parametrize("counts", [(1, 7, 9), (300, 8, 517), (16, 0, 1)])
@pytest.mark.parametrize(("face_width", "mattes"), [(12, True), (9, False), (6, True), (3, False), (0, False)])
def test_posed_gaussians_and_gradients_agree_with_double_precision(counts, face_width, mattes, way):
    parts = scene(counts, face_width)
    expected, expected_gradients = pose(pose_in_torch, in_double(parts), mattes)
    got, gradients = pose(way, parts, mattes)
    for name in NAMES:
        assert relative_error(getattr(got, name), getattr(expected, name)) < 1e-5, name
    for name, gradient in gradients.items():
        assert relative_error(gradient, expected_gradients[name]) < 1e-4, name


@ways
@pytest.mark.parametrize("turn", TURNS)
def test_the_body_turns_as_in_double_precision_also_by_next_to_nothing(turn, way):
    parts = scene((5, 5, 200), turn=turn)
    expected, expected_gradients = pose(pose_in_torch, in_double(parts))
    got, gradients = pose(way, parts)
    assert relative_error(got.means, expected.means) < 1e-5
    assert relative_error(got.quaternions, expected.quaternions) < 1e-5
    assert relative_error(gradients["2.body"], expected_gradients["2.body"]) < 1e-4


@ways
def test_a_torso_takes_the_head_rotations_quaternion_from_the_bodys_side(way):
    parts = scene((3, 3, 50))
    matrix, turn = head_pose()
    plain = way(parts, matrix, turn, *rest_pose(), False)
    flipped = way(parts, matrix, -turn, *rest_pose(), False)
    assert torch.allclose(plain.quaternions[6:], flipped.quaternions[6:], atol=1e-6)


def test_what_does_not_learn_gets_no_gradient():
    parts = scene((9, 4, 7))
    for name, parameter in parts[0].gaussians.named_parameters():
        parameter.requires_grad_(name == "means")
    for parameter in (*parts[1].gaussians.parameters(), *parts[2].gaussians.parameters()):
        parameter.requires_grad_(False)
    posed = by_warp(parts, *head_pose(), *rest_pose(), False)
    (posed.means.sum() + posed.scales.sum()).backward()
    assert parts[0].gaussians.means.grad is not None
    assert parts[0].gaussians.log_scales.grad is None
    assert parts[2].gaussians.means.grad is None
