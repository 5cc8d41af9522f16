"""Steps that are captured and replayed, on a stand-in for a GPU: what is captured is called again instead."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from backend.raster import cuda_lists
from backend.train import graphed, trainer
from tests.unit.train.test_step_on_a_gpu import needs_warp, settings, warp_on_the_cpu

__all__ = ["warp_on_the_cpu"]
pytestmark = needs_warp
STEPS = 40


def trained(subject, monkeypatch, *, captured: bool, before_step=lambda run: None) -> trainer.Run:
    chosen = settings("cuda")
    run = trainer.prepare(subject, trainer.replace(chosen, steps=STEPS, block=4))
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


def test_steps_whose_lists_were_too_short_change_nothing_and_are_taken_again(subject, warp_on_the_cpu, monkeypatch):
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
