"""Gaussians that show nothing go where they are needed, and the picture stays nearly as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.portrait.gaussians import GaussianSet
from backend.raster.rasterize import rasterize
from backend.settings import RelocationSettings, ViewSettings
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.optimiser import parameter_names
from backend.train.relocation import Relocation
from backend.train.trainer import Run, prepare, steps
from shared.camera import Intrinsics
from tests.support.synthetic_subject import TINY

MOVING = replace(
    TINY,
    portrait=replace(TINY.portrait, inside_share=0.0),
    relocation=RelocationSettings(every=1, share=0.2, begin=0.0, end=1.0),
)


def faint(gaussians: GaussianSet, indices: list[int]) -> None:
    with torch.no_grad():
        gaussians.opacity_logits[indices] = -9.0


def lips_of(run: Run) -> list[int]:
    assert run.portrait.jaw is not None
    return run.portrait.jaw.lips.tolist()


def a_step(run: Run) -> Relocation:
    """The run's relocation after a step's gradients."""
    assert run.relocation is not None
    run.portrait(run.drive, 2, run.data.intrinsics)[0].rgb.square().sum().backward()
    run.optimiser.step()
    return run.relocation


def test_faint_gaussians_join_others_and_take_their_look(subject):
    run = prepare(subject, MOVING)
    face = run.portrait.face
    free = [i for i in range(len(face)) if i not in lips_of(run)][:4]
    faint(face, free)
    before = face.means.detach().clone()
    assert a_step(run).after_step(run.optimiser, 0.5, 0) >= 4
    assert bool((face.means[free] - before[free]).norm(dim=1).min() > 0)
    assert bool((face.opacities[free] > 0.1).all())
    for index in free:
        partner = (face.colour_logits - face.colour_logits[index]).detach().abs().sum(dim=1)
        partner[index] = 1.0
        other = int(partner.argmin())
        assert float(partner[other]) == 0.0
        middle = (face.means[index] + face.means[other]).detach() / 2
        assert float((middle - before).norm(dim=1).min()) < 0.05
        assert face.mattes[index] == face.mattes[other]


def test_gaussians_that_drive_the_mouth_stay_where_they_are(subject):
    run = prepare(subject, MOVING)
    lips = lips_of(run)
    faint(run.portrait.face, lips)
    others = [i for i in range(len(run.portrait.face)) if i not in lips][:5]
    faint(run.portrait.face, others)
    relocation = a_step(run)
    before = run.portrait.face.means.detach().clone()
    assert relocation.after_step(run.optimiser, 0.5, 0) >= len(others)
    assert torch.equal(run.portrait.face.means[lips], before[lips])
    assert not torch.equal(run.portrait.face.means[others], before[others])


@pytest.mark.parametrize("opacity", [0.3, 0.6, 0.9])
def test_a_pair_shows_what_the_one_did(subject, opacity):
    """A single flat Gaussian, and a hidden one that joins it."""
    run = prepare(subject, MOVING)
    face = run.portrait.face
    with torch.no_grad():
        face.opacity_logits.fill_(-9.0)
        face.log_scales[7] = torch.tensor([2.0, 0.5, 0.05]).log()
        face.rotations[7] = torch.tensor([0.92, 0.0, 0.0, 0.38])
        face.opacity_logits[7] = torch.logit(torch.tensor(opacity))
    middle = face.means[7].detach().clone()
    camera = Intrinsics(40.0, 40.0, 16.0, 16.0, 32, 32)

    def picture() -> torch.Tensor:
        with torch.no_grad():
            view = torch.eye(4)
            view[2, 3] = 12.0
            means = face.means - middle
            return rasterize(
                means, face.rotations, face.log_scales.exp(), face.opacities, face.colours, view, camera
            ).alpha

    alone = picture()
    assert run.relocation is not None
    part = run.relocation._parts["face"]
    with torch.no_grad():
        part._pair(torch.tensor([3]), torch.tensor([7]), run.optimiser)
    difference = picture() - alone
    assert float(difference.abs().max()) < 0.12 * opacity
    assert abs(float(difference.sum())) < 0.18 * float(alone.sum())


def test_moves_wait_for_their_time(subject):
    run = prepare(subject, replace(MOVING, relocation=RelocationSettings(every=5, share=0.2, begin=0.2, end=0.6)))
    faint(run.portrait.face, list(range(20)))
    relocation = a_step(run)
    assert relocation.after_step(run.optimiser, 0.1, 4) == 0
    assert relocation.after_step(run.optimiser, 0.4, 5) == 0
    assert relocation.after_step(run.optimiser, 0.7, 9) == 0
    assert relocation.after_step(run.optimiser, 0.4, 9) > 0


def test_a_resumed_run_moves_the_same_ones(subject, tmp_path):
    settings = replace(
        MOVING, relocation=RelocationSettings(every=4, share=0.2, begin=0.0, end=1.0), views=ViewSettings(crop=16)
    )

    def begin():
        run = prepare(subject, settings)
        faint(run.portrait.face, list(range(30)))
        return run

    whole = begin()
    for _ in steps(whole):
        pass
    first = begin()
    for step in steps(first):
        if step == 10:
            break
    path = tmp_path / "checkpoint"
    names = parameter_names(first.portrait)
    assert first.relocation is not None
    save_checkpoint(path, first.portrait, first.optimiser, names, first.state("key"), first.relocation.tensors())
    second = prepare(subject, settings)
    second.restore(*load_checkpoint(path, second.portrait, second.optimiser, parameter_names(second.portrait), "key"))
    for _ in steps(second):
        pass
    for name, value in whole.portrait.state_dict().items():
        assert torch.equal(value, second.portrait.state_dict()[name]), name
