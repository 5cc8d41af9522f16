"""Captured graphs on a real GPU: that they are captured, do the same as operations one by one, and wait for nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from backend.command.bench import drawn_portrait, nodding_drive, shell
from backend.raster import cuda, cuda_lists
from backend.raster.capture import VARIABLE
from backend.raster.rasterize import rasterize
from backend.train import graphed, scale, trainer
from tests.unit.train.test_step_on_a_gpu import settings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU for the cuda engine: {cuda.why_not()}"),
]
STEPS = 60


@pytest.fixture(autouse=True)
def nothing_is_sent_one_by_one(caplog, monkeypatch):
    """Fails where something could not be captured, which the log tells of."""
    monkeypatch.setattr(cuda_lists, "_rooms", {})
    yield
    assert [record.message for record in caplog.records if "cannot be captured" in record.message] == []


def trained(subject, **settings_of_run) -> trainer.Run:
    run = trainer.prepare(subject, dataclasses.replace(settings("cuda"), steps=STEPS, block=5, **settings_of_run))
    for _ in trainer.steps(run):
        pass
    return run


def test_captured_steps_train_as_steps_one_by_one(subject, monkeypatch):
    captured = trained(subject)
    assert captured.graphed is not None and any(captured.graphed._cases.values())
    monkeypatch.setenv(VARIABLE, "0")
    one_by_one = trained(subject)
    assert one_by_one.graphed is None
    pairs = zip(captured.portrait.named_parameters(), one_by_one.portrait.parameters(), strict=True)
    for (name, value), expected in pairs:
        torch.testing.assert_close(value, expected, atol=2e-3, rtol=2e-2, msg=name)
    assert captured.loss == pytest.approx(one_by_one.loss, rel=1e-2)


def test_steps_whose_lists_were_too_short_are_taken_again(subject, monkeypatch):
    expected = trained(subject)
    monkeypatch.setattr(graphed, "LOOK_EVERY", 8)
    run = trainer.prepare(subject, dataclasses.replace(settings("cuda"), steps=STEPS, block=5))
    for step in trainer.steps(run):
        assert run.graphed is not None
        if step == 30:  # graphs that exist keep their lengths: the flag alone says that one was too short
            run.graphed._watch.overflow.fill_(1.0)
    assert run.loss == pytest.approx(expected.loss, rel=1e-2)


def test_nothing_in_a_step_waits(subject, monkeypatch):
    monkeypatch.setattr(scale, "room_for_frames", lambda device, frame_bytes: 1000)
    run = trainer.prepare(subject, dataclasses.replace(settings("cuda"), steps=4 * STEPS, block=1000))
    steps = trainer.steps(run)
    for _ in range(2 * STEPS):
        next(steps)
    assert run.graphed is not None
    seen = set(run.data._scales[run.data.size]._kept)
    frames = iter(sorted(seen) * STEPS)
    monkeypatch.setattr(run.sampler, "draw", lambda step, progress: next(frames))
    run.relocation = None
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_frames_are_captured_and_drawn_as_by_the_reference():
    portrait = drawn_portrait(2000, 128).to("cuda").eval()
    drive = nodding_drive(portrait, 5)
    for index in (0, 3, 1, 4):
        got = portrait.render(drive, index, 128, engine="cuda")
        expected = portrait.render(drive, index, 128, engine="reference")
        for name in ("rgb", "alpha", "mattes"):
            assert np.abs(getattr(got, name) - getattr(expected, name)).max() <= 1 / 255, name
    assert all(kind._graph is not None for kind in portrait._graphed._kinds.values())


def test_pictures_are_captured_and_are_those_of_what_is_given():
    for seed in range(4):
        tensors, camera = shell(2000, 128, seed)
        scene: dict[str, Any] = {name: value.cuda() for name, value in tensors.items()}
        on_cpu: dict[str, Any] = dict(tensors)
        got = rasterize(**scene, intrinsics=camera, engine="cuda")
        expected = rasterize(**on_cpu, intrinsics=camera, engine="reference")
        for name in ("features", "alpha"):
            assert (getattr(got, name).cpu() - getattr(expected, name)).abs().max() <= 1 / 255, name
