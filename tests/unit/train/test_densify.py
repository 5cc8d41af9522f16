"""Gaussians that multiply and vanish while they learn, what of Adam goes with them, and runs that go on through it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.portrait.gaussians import FACE, GaussianSet, Seeds
from backend.portrait.saving import open_portrait, save_portrait
from backend.raster.rasterize import rasterize
from backend.settings import DensifySettings, train_settings
from backend.train import densify
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.densify import camera_extent, multiply, remove, screen_gradient, take_rows
from backend.train.optimiser import parameter_names
from backend.train.trainer import Run, prepare, settings_key, steps
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.synthetic_subject import TINY

COUNT = 200
GROWING = replace(
    TINY, portrait=replace(TINY.portrait, jaw_link=False), static_share=0.5, joint_share=0.0,
    densify=DensifySettings(every=3, first=2, until=1.0, face_gradient=1e-7, oral_gradient=1e-7, most=300),
)  # fmt: skip


def some_gaussians(seed: int = 0) -> tuple[GaussianSet, torch.optim.Adam]:
    """COUNT Gaussians in a row along x, each with moments that tell its number."""
    rng = np.random.default_rng(seed)
    points = np.stack([np.arange(COUNT), np.zeros(COUNT), np.zeros(COUNT)], axis=1)
    seeds = Seeds(points, rng.random((COUNT, 3)), np.full(COUNT, 0.5), np.full(COUNT, FACE))
    gaussians = GaussianSet.from_seeds(seeds, degree=1)
    optimiser = torch.optim.Adam([{"params": [parameter]} for parameter in gaussians.parameters()])
    for parameter in gaussians.parameters():
        number = torch.arange(1.0, COUNT + 1).reshape(-1, *[1] * (parameter.ndim - 1))
        optimiser.state[parameter] = {
            "step": torch.tensor(7.0),
            "exp_avg": number.expand_as(parameter).clone(),
            "exp_avg_sq": 2 * number.expand_as(parameter).clone(),
        }
    return gaussians, optimiser


def moments(gaussians: GaussianSet, optimiser: torch.optim.Adam, key: str = "exp_avg") -> torch.Tensor:
    return optimiser.state[gaussians.means][key][:, 0]


def test_rows_are_taken_with_their_moments_and_new_ones_begin_without():
    gaussians, optimiser = some_gaussians()
    before = [parameter.detach().clone() for parameter in gaussians.parameters()]
    rows = torch.tensor([5, 7, 9, 7])
    take_rows(gaussians, optimiser, rows, 3)
    after = list(gaussians.parameters())
    assert len(after) == 6
    assert all(torch.equal(new, old[rows]) for new, old in zip(after, before, strict=True))
    assert {id(p) for group in optimiser.param_groups for p in group["params"]} == {id(p) for p in after}
    assert set(map(id, optimiser.state)) == set(map(id, after))
    for parameter in after:
        state = optimiser.state[parameter]
        assert state["step"] == 7.0
        assert state["exp_avg"].reshape(4, -1)[:, 0].tolist() == [6.0, 8.0, 10.0, 0.0]
        assert state["exp_avg_sq"].reshape(4, -1)[:, 0].tolist() == [12.0, 16.0, 20.0, 0.0]
    assert len(gaussians.mattes) == 4


def test_narrow_gaussians_with_a_strong_gradient_are_cloned_and_wide_ones_split():
    gaussians, optimiser = some_gaussians()
    with torch.no_grad():
        gaussians.log_scales.fill_(math.log(0.1))
        gaussians.log_scales[20] = math.log(1.0)
    gradient = torch.zeros(COUNT)
    gradient[[10, 20]] = 1.0
    multiply(gaussians, optimiser, gradient, 0.5, 0.5, 1000, np.random.default_rng(3))
    x, widths = gaussians.means.detach()[:, 0], gaussians.log_scales.detach().exp()[:, 0]
    assert len(gaussians) == COUNT + 2
    assert (x == 10).sum() == 2 and (x == 20).sum() == 0
    parts = slice(COUNT, None)
    assert widths[parts].tolist() == pytest.approx([1.0 / 1.6] * 2)
    assert (x[parts] - 20).abs().max() < 5 and x[parts].unique().numel() == 2
    assert moments(gaussians, optimiser)[-3:].tolist() == [0.0, 0.0, 0.0]
    assert moments(gaussians, optimiser)[: COUNT - 1].tolist() == [n for n in range(1, COUNT + 1) if n != 21]


def test_parts_of_a_split_gaussian_lie_along_its_own_axes():
    gaussians, optimiser = some_gaussians()
    with torch.no_grad():
        gaussians.log_scales[:] = torch.tensor([2.0, 1e-4, 1e-4]).log()
        gaussians.rotations[:] = torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)])  # x turned to y
    multiply(gaussians, optimiser, torch.ones(COUNT), 0.5, 0.5, 1000, np.random.default_rng(3))
    shift = gaussians.means.detach() - torch.arange(COUNT).repeat(2)[:, None] * torch.tensor([1.0, 0, 0])
    assert shift[:, [0, 2]].abs().max() < 1e-2
    assert float(shift[:, 1].std()) == pytest.approx(2.0, rel=0.15)


def test_a_set_does_not_grow_beyond_its_bound_and_the_strongest_come_first():
    gaussians, optimiser = some_gaussians()
    multiply(gaussians, optimiser, torch.arange(COUNT).float(), 0.0, 99.0, COUNT + 5, np.random.default_rng(0))
    assert len(gaussians) == COUNT + 5
    assert sorted(gaussians.means.detach()[COUNT:, 0].tolist()) == [195, 196, 197, 198, 199]


def test_the_doomed_vanish_but_the_most_opaque_stay():
    gaussians, optimiser = some_gaussians()
    remove(gaussians, optimiser, torch.arange(COUNT) % 2 == 0)
    assert gaussians.means.detach()[:, 0].tolist() == list(range(1, COUNT, 2))
    with torch.no_grad():
        gaussians.opacity_logits.copy_(torch.arange(len(gaussians)))
    remove(gaussians, optimiser, torch.ones(len(gaussians), dtype=torch.bool))
    assert len(gaussians) == densify.LEAST and float(gaussians.opacity_logits.detach().min()) == 100 - densify.LEAST


@pytest.mark.parametrize("place", [(0.0, 0.0), (3.0, -2.0)])
def test_the_screen_gradient_is_that_of_a_shift_on_screen(place):
    """A move of the principal point shifts every splat on screen: its derivative is found by differences."""
    turn = torch.tensor([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    pose = torch.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, torch.tensor([0.0, 0.0, 50.0])
    gaussians = GaussianSet(1)
    with torch.no_grad():
        gaussians.means[0] = turn.T @ torch.tensor([*place, 0.0])
    weights = torch.from_numpy(np.random.default_rng(0).random((48, 48)))

    def loss(column: float, row: float) -> torch.Tensor:
        camera = Intrinsics(100.0, 100.0, 24 + column, 24 + row, 48, 48)
        means = gaussians.means @ pose[:3, :3].T + pose[:3, 3]
        out = rasterize(
            means.double(), gaussians.rotations.double(), torch.full((1, 3), 1.5).double(),
            torch.full((1,), 0.7).double(), torch.ones(1, 1).double(), torch.eye(4).double(), camera,
            engine="reference",
        )  # fmt: skip
        return (out.alpha * weights).sum()

    def difference(column: float, row: float) -> float:
        return float((loss(column, row) - loss(-column, -row)).detach())

    loss(0, 0).backward()
    found = float(screen_gradient(gaussians, pose, Intrinsics(100.0, 100.0, 24, 24, 48, 48)))
    h = 1e-4
    expected = [difference(*move) / (2 * h) * 24 for move in ((h, 0.0), (0.0, h))]
    # Off the axis, a move in space also changes the splat's shape a little.
    assert found == pytest.approx(math.hypot(*expected), rel=1e-3 if place == (0.0, 0.0) else 0.1)


def test_the_cameras_extent_is_seen_from_the_head():
    angles = np.radians([-10.0, 0.0, 10.0])
    poses = np.tile(np.eye(4), (3, 1, 1))
    for pose, angle in zip(poses, angles, strict=True):
        pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    poses[:, 2, 3] = 70.0
    assert camera_extent(poses) == pytest.approx(1.1 * 70 * np.sin(np.radians(10)), rel=0.01)
    shifted = poses.copy()
    shifted[:, :3, 3] += poses[:, :3, :3] @ np.array([1.0, 2.0, 3.0])  # another origin in the head
    assert camera_extent(shifted) == pytest.approx(camera_extent(poses))


def _run_until(run: Run, step: int) -> None:
    for done in steps(run):
        if done == step:
            return


def test_numbers_change_while_a_run_learns_and_stay_from_then_on(subject):
    run = prepare(subject, GROWING)
    started = len(run.portrait.face), len(run.portrait.oral)
    counts = []
    for _ in steps(run):
        counts.append((len(run.portrait.face), len(run.portrait.oral)))
        assert run.portrait.face.mattes.shape == run.portrait.face.means.shape[:1]
    assert counts[0] == started and counts[-1][0] > started[0]
    assert len(set(counts)) > 2 and max(face for face, _ in counts) <= 300
    held = replace(GROWING, densify=replace(GROWING.densify, until=0.2))
    run = prepare(subject, held)
    _run_until(run, 8)
    early = len(run.portrait.face)
    _run_until(run, 20)
    assert len(run.portrait.face) == early > started[0]


def test_a_resumed_run_of_changing_numbers_ends_with_the_same_bits(subject, tmp_path):
    whole = prepare(subject, GROWING)
    _run_until(whole, 16)

    first = prepare(subject, GROWING)
    _run_until(first, 7)  # between two changes
    assert first.densifier is not None and len(first.portrait.face) != len(prepare(subject, GROWING).portrait.face)
    key, path = settings_key(subject, GROWING), tmp_path / "checkpoint.safetensors"
    save_checkpoint(
        path, first.portrait, first.optimiser, parameter_names(first.portrait), first.state(key),
        first.densifier.tensors(),
    )  # fmt: skip

    second = prepare(subject, GROWING)
    second.restore(*load_checkpoint(path, second.portrait, second.optimiser, parameter_names(second.portrait), key))
    assert second.step == 7
    _run_until(second, 16)
    expected, found = whole.portrait.state_dict(), second.portrait.state_dict()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert whole.densifier is not None and second.densifier is not None
    seen = second.densifier.tensors()
    assert all(torch.equal(value, seen[name]) for name, value in whole.densifier.tensors().items())


def test_a_model_is_saved_with_the_numbers_that_it_has(subject):
    run = prepare(subject, GROWING)
    _run_until(run, 9)
    save_portrait(run.portrait.eval(), subject.model("grown"))
    opened = open_portrait(subject.model("grown"))
    assert len(opened.face) == len(run.portrait.face) != run.portrait.sizes.face
    assert torch.equal(opened.face.means, run.portrait.face.means)


def test_green_gaussians_of_the_face_vanish_and_those_of_the_mouth_fade(subject):
    run = prepare(subject, replace(GROWING, densify=replace(GROWING.densify, face_gradient=1.0, oral_gradient=1.0)))
    green = torch.tensor([-9.0, 9.0, -9.0])
    with torch.no_grad():
        run.portrait.face.colour_logits[:20] = green
        run.portrait.oral.colour_logits[:3] = green
        run.portrait.oral.log_scales[:] = 0.0
    run.portrait.oral.means.grad = torch.ones_like(run.portrait.oral.means)
    before = len(run.portrait.face)
    _run_until(run, 3)
    assert len(run.portrait.face) == before - 20
    assert run.portrait.oral.log_scales.detach()[:3].max() < -2.0 < run.portrait.oral.log_scales.detach()[3:].min()
    assert run.portrait.oral.opacities.detach()[:3].tolist() == pytest.approx([0.1] * 3, abs=0.01)


def test_the_jaw_link_and_changing_numbers_exclude_each_other():
    with pytest.raises(InputError, match="jaw link"):
        train_settings(densify={"every": 100})
