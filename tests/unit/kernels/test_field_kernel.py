"""The compiled deformation field against the same field in double precision."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from backend.kernels import field_head
from backend.portrait.field import ModeField
from backend.portrait.planes import TriPlane

pytestmark = pytest.mark.kernels

SHAPES = [((4, 7), 4, 16, 3), ((5,), 12, 64, 12), ((3, 6), 3, 10, 9)]
"""Resolutions, features, hidden width and outputs: whole vectors, and widths that are none."""


def field_of(resolutions: tuple[int, ...], features: int, hidden: int, outputs: int) -> ModeField:
    torch.manual_seed(0)
    field = ModeField(TriPlane(resolutions, features), 5, outputs, 4, hidden)
    torch.nn.init.normal_(field.head.weight, std=0.5)
    return field


def change_and_gradients(field: ModeField, points: torch.Tensor, drive: torch.Tensor, weight: torch.Tensor, name: str):
    change = getattr(field, name)(points, drive)
    return change.detach(), torch.autograd.grad((change * weight).sum(), list(field.parameters()))


def relative_error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got.detach().double() - expected.detach()).norm() / expected.norm().clamp_min(1e-12))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 7, 9, 700])
def test_changes_and_gradients_agree_with_double_precision(shape, count):
    field = field_of(*shape)
    points, drive, weight = torch.rand(count, 3) * 1.4 - 0.2, torch.randn(5), torch.randn(count, shape[3])
    got, gradients = change_and_gradients(field, points, drive, weight, "change")
    exact = copy.deepcopy(field).double()
    expected, expected_gradients = change_and_gradients(
        exact, points.double(), drive.double(), weight.double(), "forward"
    )
    assert relative_error(got, expected) < 1e-5
    for (name, _), a, b in zip(field.named_parameters(), gradients, expected_gradients, strict=True):
        assert relative_error(a, b) < 1e-4, name
    assert got.abs().max() > 0.01


def test_the_field_in_torch_has_the_gradients_of_finite_differences():
    field = field_of((3,), 2, 6, 3).double()
    points, drive = torch.rand(4, 3, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    names = [name for name, _ in field.named_parameters()]

    def change(*values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(field, dict(zip(names, values, strict=True)), (points, drive))

    assert torch.autograd.gradcheck(change, tuple(p.detach().clone().requires_grad_() for p in field.parameters()))


def test_a_field_without_points_has_no_changes_and_zero_gradients():
    field = field_of(*SHAPES[0])
    change, gradients = change_and_gradients(field, torch.zeros(0, 3), torch.randn(5), torch.zeros(0, 3), "change")
    assert change.shape == (0, 3)
    assert all(torch.count_nonzero(gradient) == 0 for gradient in gradients)


def test_a_new_field_changes_nothing_under_any_drive():
    field = ModeField(TriPlane((4, 8), 3), 5, 9, 4, 8)
    assert torch.count_nonzero(field.change(torch.rand(20, 3), torch.randn(5) * 10)) == 0


def test_gradients_are_the_same_bits_every_time_and_for_any_number_of_threads():
    field, drive = field_of((16, 24), 4, 64, 12), torch.randn(5)
    points, weight = torch.rand(3000, 3), torch.randn(3000, 12)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (2, 2, 1, 3):
            torch.set_num_threads(number)
            change, gradients = change_and_gradients(field, points, drive, weight, "change")
            # The drive's own small net is torch's: only what the kernel sums up is compared.
            learned = dict(zip((name for name, _ in field.named_parameters()), gradients, strict=True))
            results.append([change] + [learned[name] for name in learned if name.startswith(("encoder", "trunk"))])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_fields_at_work_at_the_same_time_do_not_disturb_each_other():
    field, drives = field_of((16, 24), 4, 64, 12), torch.randn(8, 5)
    points, weight = torch.rand(2000, 3), torch.randn(2000, 12)

    def work(drive: torch.Tensor) -> list[torch.Tensor]:
        change, gradients = change_and_gradients(field, points, drive, weight, "change")
        return [change, *gradients]

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = [work(drive) for drive in drives]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(work, drives))
    finally:
        torch.set_num_threads(threads)
    for expected, got in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


def test_points_that_are_not_numbers_leave_the_others_as_they_are():
    field, drive = field_of(*SHAPES[1]), torch.randn(5)
    points = torch.rand(20, 3)
    expected = field.change(points, drive)
    points[3] = float("nan")
    points[4, 1] = float("inf")
    got = field.change(points, drive)
    others = [n for n in range(20) if n not in (3, 4)]
    assert torch.equal(got[others], expected[others])
    assert torch.isfinite(got).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [0, 1, 7, 9, 700])
def test_a_field_that_does_not_learn_poses_as_in_double_precision(shape, count):
    field, drive, read = field_of(*shape), torch.randn(5), torch.rand(count, shape[2])
    exact = copy.deepcopy(field).double()
    with torch.no_grad():
        got, expected = field.pose(read, drive), exact.pose(read.double(), drive.double())
    assert got.shape == (count, shape[3])
    assert relative_error(got, expected) < 1e-5
    assert count == 0 or got.abs().max() > 0.01


def test_a_pose_is_the_same_bits_for_any_number_of_threads_and_whatever_other_points_there_are():
    field, drive, threads = field_of((16, 24), 4, 64, 12), torch.randn(5), torch.get_num_threads()
    with torch.no_grad():
        read, head = field.read(torch.rand(3000, 3)), field.posed_head(drive)
    try:
        torch.set_num_threads(1)
        alone = field_head.pose(read, head)
        torch.set_num_threads(3)
        assert torch.equal(field_head.pose(read, head), alone)
        assert torch.equal(field_head.pose(read[5:1234], head), alone[5:1234])
    finally:
        torch.set_num_threads(threads)


def test_a_pose_that_is_learned_from_has_its_gradients():
    field, drive = field_of(*SHAPES[1]), torch.randn(5, requires_grad=True)
    read = field.read(torch.rand(50, 3)).detach()
    (gradient,) = torch.autograd.grad(field.pose(read, drive).square().sum(), drive)
    assert gradient.abs().max() > 0


def test_a_head_of_another_width_than_what_was_read_is_refused():
    with pytest.raises(ValueError, match="hidden values"):
        field_head.pose(torch.rand(10, 16), torch.rand(3, 17))
