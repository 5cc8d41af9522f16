"""Steps that are captured and replayed, on a stand-in for a GPU: what is captured is called again instead."""

from __future__ import annotations

import dataclasses
import logging

import pytest
import torch

from backend.kernels import library
from backend.portrait import portrait as portrait_module
from backend.raster import cuda_lists
from backend.raster.capture import VARIABLE, Captured
from backend.settings.published import PUBLISHED
from backend.train import graphed, loss, trainer
from backend.train.graphed import GraphedSteps
from backend.train.planned import Planned
from backend.train.stages import plan
from backend.train.views import View
from tests.support.host_waits import HostWaits, similarity_as_on_a_gpu
from tests.support.synthetic_subject import SIZE
from tests.unit.portrait.test_cuda_posing import by_warp
from tests.unit.train.test_step_on_a_gpu import (
    FromTheCpu,
    moved,
    needs_warp,
    settings,
    shapes_alone,
    warp_on_the_cpu,
)

__all__ = ["warp_on_the_cpu"]
pytestmark = needs_warp
STEPS = 40


def trained(subject, monkeypatch, *, captured: bool, before_step=lambda run: None) -> trainer.Run:
    chosen = settings("cuda")
    run = trainer.prepare(subject, dataclasses.replace(chosen, steps=STEPS, block=4))
    with monkeypatch.context() as patch:
        if not captured:
            patch.setattr(trainer, "_graphed", lambda run, rates: None)
        for _ in trainer.steps(run):
            before_step(run)
    return run


def assert_the_same(run: trainer.Run, other: trainer.Run) -> None:
    for (name, value), expected in zip(run.portrait.named_parameters(), other.portrait.parameters(), strict=True):
        torch.testing.assert_close(value, expected, atol=2e-4, rtol=2e-3, msg=name)
    assert run.loss == pytest.approx(other.loss, rel=1e-3)


def test_captured_steps_train_as_steps_one_by_one(subject, warp_on_the_cpu, monkeypatch):
    one_by_one = trained(subject, monkeypatch, captured=False)
    assert_the_same(trained(subject, monkeypatch, captured=True), one_by_one)


def test_steps_whose_lists_were_too_short_change_nothing_and_are_taken_again(
    subject, warp_on_the_cpu, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    looks = []

    def make_short(run: trainer.Run) -> None:
        if run.step in (10, 30):
            for room in cuda_lists._rooms.values():
                room.pairs = 8
            looks.append(run.portrait.face.means.detach().clone())
        if run.step in (12, 32):
            looks.append(run.portrait.face.means.detach().clone())

    monkeypatch.setattr(graphed, "LOOK_EVERY", 8)
    expected = trained(subject, monkeypatch, captured=True)
    got = trained(subject, monkeypatch, captured=True, before_step=make_short)
    assert torch.equal(looks[0], looks[1])
    assert_the_same(got, expected)
    assert "are taken again" in caplog.text


def test_steps_that_differ_when_replayed_are_sent_one_by_one(subject, warp_on_the_cpu, monkeypatch, caplog):
    expected = trained(subject, monkeypatch, captured=True)
    assert not caplog.records
    monkeypatch.setattr(graphed, "agree", lambda results, expected: False)
    assert_the_same(trained(subject, monkeypatch, captured=True), expected)
    (record,) = caplog.records
    assert "other gradients): they are sent one by one" in record.message


def test_a_graph_that_reads_what_is_no_more_is_found_out(subject, warp_on_the_cpu, monkeypatch, caplog):
    # As if it had kept the frame of the step in which it was captured.
    real = Captured.replay

    def of_another_frame(self: Captured) -> None:
        cells = [cell.cell_contents for cell in self._body.__closure__ or ()]
        (steps,) = (value for value in cells if isinstance(value, GraphedSteps))
        for sample in steps._samples.values():
            sample.rgb.neg_().add_(1)
        real(self)
        for sample in steps._samples.values():
            sample.rgb.neg_().add_(1)

    monkeypatch.setattr(Captured, "replay", of_another_frame)
    trained(subject, monkeypatch, captured=True)
    assert "other gradients" in caplog.text


def test_recipes_that_change_shapes_and_who_asks_for_it_take_steps_one_by_one(
    subject, warp_on_the_cpu, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    run = trainer.prepare(subject, settings("cuda", PUBLISHED))
    assert trainer._graphed(run, lambda progress: None) is None
    assert "operation by operation" in caplog.text
    run = trainer.prepare(subject, settings("cuda"))
    assert trainer._graphed(run, lambda progress: None) is not None
    monkeypatch.setenv(VARIABLE, "0")
    assert trainer._graphed(run, lambda progress: None) is None


def begun(run: trainer.Run, step: int) -> tuple[GraphedSteps, Planned]:
    """The steps of a run, and one of them."""
    steps = trainer._graphed(run, lambda progress: None)
    assert steps is not None
    block = plan(run.settings)[1].blocks[0]
    return steps, Planned(step, 0.5, int(run.data.frames[0]), View.whole(SIZE), block.learns, True, None)


@pytest.mark.parametrize("step", [1, 4])
def test_nothing_in_a_captured_step_waits(subject, warp_on_the_cpu, monkeypatch, step):
    # Without the CPU's own kernels, everything runs as it does on a GPU.
    run = trainer.prepare(subject, settings("cuda"))
    monkeypatch.setattr(library, "load", lambda: None)
    monkeypatch.setattr(loss, "ssim", similarity_as_on_a_gpu)
    monkeypatch.setattr(portrait_module, "pose_parts", by_warp)
    steps, planned = begun(run, step)
    assert run.relocation is not None
    steps.take(planned)
    steps._fill(planned)
    with cuda_lists.watched(steps._watch), HostWaits() as first:
        steps._gradients(planned)
        right = 1 - steps._watch.overflow[0]
        run.relocation.watch(right)
        steps._note(torch.ones(()), steps._watch.overflow[0], right)
    assert first.waits == []
    assert first.sent > 100
    steps._fill(planned)
    with HostWaits() as one_by_one:
        steps._gradients(planned)
    assert one_by_one.waits == ["aten._local_scalar_dense"]  # how many pairs of tiles and Gaussians there are


def test_nothing_in_a_captured_step_comes_from_the_cpu(subject, monkeypatch):
    run = moved(trainer.prepare(subject, settings("native")), "meta")
    run.settings = dataclasses.replace(run.settings, engine="cuda")
    monkeypatch.setattr(portrait_module, "rasterize", shapes_alone)
    steps, planned = begun(run, 4)
    steps._fill(planned)
    steps._gradients(planned)
    with FromTheCpu() as taken:
        steps._gradients(planned)
        steps._rates.copy_(steps._numbers[5:])
        steps._note(torch.ones((), device="meta"), steps._watch.overflow[0], 1 - steps._watch.overflow[0])
    assert taken.names == []
