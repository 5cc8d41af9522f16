"""The compiled posing of Gaussians against the same in double precision."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from backend.kernels import pose as kernel
from backend.portrait.gaussians import GaussianSet
from backend.portrait.head_motion import quaternion_from_vector, rotation_from_vector
from backend.portrait.posing import Part, Posed, pose_in_torch, pose_parts
from backend.portrait.torso import TorsoMotion
from backend.settings import PortraitSettings

NAMES = ("means", "quaternions", "scales", "opacities", "features")
TURNS = [(0.0, 0.0, 0.0), (1e-5, -2e-5, 1e-5), (4.0, -6.0, 3.0)]
"""Turns of the body: none, hardly one, and a large one (in units of TURN_SCALE)."""


def gaussians(count: int) -> GaussianSet:
    made = GaussianSet(count)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter))
        made.mattes.copy_(torch.randint(0, 4, (count,)))
    return made


def head_pose(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    vector = torch.tensor([0.3, -0.5, 0.2], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(vector), torch.tensor([1.0, -2.0, 45.0])
    return pose.to(dtype), quaternion_from_vector(vector).to(dtype)


def rest_pose(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    vector = torch.tensor([0.1, 0.1, -0.2], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3], pose[:3, 3] = rotation_from_vector(vector), torch.tensor([0.0, 1.0, 50.0])
    return pose.to(dtype), quaternion_from_vector(vector).to(dtype)


def scene(counts: tuple[int, int, int], face_width: int = 12, turn: tuple[float, float, float] = TURNS[2]):
    """Parts as a portrait has them: a face and a mouth that move with the head, and a torso."""
    torch.manual_seed(1)
    settings = PortraitSettings(torso_planes=(4,), hidden=16)
    torso = TorsoMotion(settings, 6)
    with torch.no_grad():
        torso.centre.copy_(torch.tensor([0.5, -1.0, 0.3]))
        torso.neck_y.fill_(0.2)
    sets = [gaussians(count) for count in counts]
    body = torch.tensor([*turn, 0.4, -0.3, 0.2])
    changes = [torch.randn(counts[0], face_width) * 0.3 if face_width else None, torch.randn(counts[1], 3), None]
    changes[2] = torch.randn(counts[2], 3)
    return [
        Part(sets[0], changes[0]),
        Part(sets[1], changes[1]),
        Part(sets[2], changes[2], torso, body),
    ]


def torso_of(parts: list[Part]) -> TorsoMotion:
    torso = parts[2].torso
    assert torso is not None
    return torso


def in_double(parts: list[Part]) -> list[Part]:
    torso = copy.deepcopy(torso_of(parts)).double()
    return [
        Part(
            copy.deepcopy(part.gaussians).double(),
            None if part.change is None else part.change.double(),
            None if part.torso is None else torso,
            None if part.body is None else part.body.double(),
        )
        for part in parts
    ]


def learned(parts: list[Part]) -> dict[str, torch.Tensor]:
    """Everything that may learn, made to."""
    found: dict[str, torch.Tensor] = {}
    for index, part in enumerate(parts):
        found |= {f"{index}.{name}": value for name, value in part.gaussians.named_parameters()}
        for name in ("change", "body"):
            value = getattr(part, name)
            if value is not None:
                setattr(part, name, value.clone().requires_grad_())
                found[f"{index}.{name}"] = getattr(part, name)
    torso = torso_of(parts)
    found["neck_y"], found["neck_log_softness"] = torso.neck_y, torso.neck_log_softness
    return found


def pose(function, parts: list[Part], mattes: bool = True) -> tuple[Posed, dict[str, torch.Tensor]]:
    """Posed parts, and the gradients of a random linear function of them."""
    dtype = parts[0].gaussians.means.dtype
    tensors = learned(parts)
    posed = function(parts, *head_pose(dtype), *rest_pose(dtype), mattes)
    random = torch.Generator().manual_seed(2)
    total = torch.zeros((), dtype=dtype)
    for name in NAMES:
        value = getattr(posed, name)
        total = total + (value * torch.randn(value.shape, generator=random, dtype=torch.float64).to(dtype)).sum()
    return posed, dict(zip(tensors, torch.autograd.grad(total, list(tensors.values())), strict=True))


def relative_error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got.detach().double() - expected.detach()).norm() / expected.detach().norm().clamp_min(1e-12))


@pytest.mark.kernels
@pytest.mark.parametrize("counts", [(1, 7, 9), (300, 8, 517), (16, 0, 1)])
@pytest.mark.parametrize(("face_width", "mattes"), [(12, True), (9, False), (6, True), (0, False)])
def test_posed_gaussians_and_gradients_agree_with_double_precision(counts, face_width, mattes):
    parts = scene(counts, face_width)
    expected, expected_gradients = pose(pose_in_torch, in_double(parts), mattes)
    got, gradients = pose(pose_parts, parts, mattes)
    for name in NAMES:
        assert relative_error(getattr(got, name), getattr(expected, name)) < 1e-5, name
    for name, gradient in gradients.items():
        assert relative_error(gradient, expected_gradients[name]) < 1e-4, name


@pytest.mark.kernels
@pytest.mark.parametrize("turn", TURNS)
def test_the_body_turns_as_in_double_precision_also_by_next_to_nothing(turn):
    parts = scene((5, 5, 200), turn=turn)
    expected, expected_gradients = pose(pose_in_torch, in_double(parts))
    got, gradients = pose(pose_parts, parts)
    assert relative_error(got.means, expected.means) < 1e-5
    assert relative_error(got.quaternions, expected.quaternions) < 1e-5
    assert relative_error(gradients["2.body"], expected_gradients["2.body"]) < 1e-4


def test_posing_in_torch_has_the_gradients_of_finite_differences():
    parts = in_double(scene((2, 1, 3)))
    tensors = learned(parts)

    def posed(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        own = dict(zip(tensors, values, strict=True))
        moved = []
        for index, part in enumerate(parts):
            copied = copy.deepcopy(part.gaussians)
            for name, _ in part.gaussians.named_parameters():
                delattr(copied, name)
                setattr(copied, name, own[f"{index}.{name}"])
            torso = copy.deepcopy(part.torso)
            if torso is not None:
                del torso.neck_y, torso.neck_log_softness
                for name in ("neck_y", "neck_log_softness"):
                    setattr(torso, name, own[name])
            moved.append(Part(copied, own.get(f"{index}.change"), torso, own.get(f"{index}.body")))
        result = pose_in_torch(moved, *head_pose(torch.float64), *rest_pose(torch.float64), False)
        return tuple(getattr(result, name) for name in NAMES)

    assert torch.autograd.gradcheck(posed, tuple(value.detach().clone().requires_grad_() for value in tensors.values()))


@pytest.mark.kernels
def test_a_torso_takes_the_head_rotations_quaternion_from_the_bodys_side():
    parts = scene((3, 3, 50))
    pose_matrix, turn = head_pose()
    plain = pose_parts(parts, pose_matrix, turn, *rest_pose(), mattes=False)
    flipped = pose_parts(parts, pose_matrix, -turn, *rest_pose(), mattes=False)
    torso = slice(6, None)
    assert torch.allclose(plain.quaternions[torso], flipped.quaternions[torso], atol=1e-6)


@pytest.mark.kernels
def test_mattes_are_one_hot_behind_the_colours():
    parts = scene((3, 3, 4))
    posed = pose_parts(parts, *head_pose(), *rest_pose(), mattes=True)
    numbers = torch.cat([part.gaussians.mattes for part in parts])
    assert torch.equal(posed.features[:, 3:], functional.one_hot(numbers, 4).float())


@pytest.mark.kernels
def test_a_frozen_set_gets_no_gradients_and_changes_nobody_elses():
    parts = scene((20, 10, 30))
    _, expected = pose(pose_parts, parts)
    frozen = scene((20, 10, 30))
    tensors = learned(frozen)
    for parameter in frozen[1].gaussians.parameters():
        parameter.requires_grad_(False)
    frozen[1].change = frozen[1].change.detach()
    posed = pose_parts(frozen, *head_pose(), *rest_pose(), mattes=True)
    random = torch.Generator().manual_seed(2)
    weights = [torch.randn(getattr(posed, name).shape, generator=random, dtype=torch.float64).float() for name in NAMES]
    sum((getattr(posed, name) * weight).sum() for name, weight in zip(NAMES, weights, strict=True)).backward()
    for name, value in tensors.items():
        if name.startswith("1."):
            assert value.grad is None
        else:
            assert value.grad is not None and torch.equal(value.grad, expected[name]), name


@pytest.mark.kernels
def test_posing_is_the_same_bits_for_any_number_of_threads():
    parts = scene((900, 100, 700))
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            posed, gradients = pose(pose_parts, parts)
            results.append([getattr(posed, name).detach() for name in NAMES] + list(gradients.values()))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.kernels
def test_what_is_not_a_number_stays_with_its_gaussian():
    parts = scene((20, 3, 10))
    expected = pose_parts(parts, *head_pose(), *rest_pose(), mattes=False)
    with torch.no_grad():
        parts[0].gaussians.log_scales[4, 1] = float("nan")
        parts[0].gaussians.opacity_logits[5] = float("nan")
        parts[0].gaussians.log_scales[6] = 1e30
    got = pose_parts(parts, *head_pose(), *rest_pose(), mattes=False)
    assert torch.isnan(got.scales[4, 1]) and torch.isnan(got.opacities[5])
    assert torch.isfinite(got.scales[6]).all()
    others = [n for n in range(33) if n not in (4, 5, 6)]
    for name in NAMES:
        assert torch.equal(getattr(got, name)[others], getattr(expected, name)[others]), name


def test_a_torso_without_the_bodys_motion_is_refused():
    head, torso = GaussianSet(3), TorsoMotion(PortraitSettings(), 6)
    with pytest.raises(ValueError, match="needs the motion of both"):
        Part(head, None, torso)


def test_the_kernel_does_not_serve_double_precision():
    part = in_double(scene((1, 1, 1)))[0].gaussians
    values = (part.means, part.rotations, part.log_scales, part.opacity_logits, part.colour_logits, part.mattes)
    assert not kernel.serves([kernel.Set(*values)])
