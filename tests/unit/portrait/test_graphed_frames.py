"""Frames that are captured and replayed, on a stand-in for a GPU: what is captured is called again instead."""

from __future__ import annotations

import importlib.util
import logging

import numpy as np
import pytest
import torch

from backend.command.bench import drawn_portrait, nodding_drive
from backend.kernels import library
from backend.portrait.portrait import Drive, Portrait
from backend.raster import cuda, cuda_lists, rasterize
from backend.raster.capture import VARIABLE
from tests.support.host_waits import HostWaits

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("warp") is None, reason="NVIDIA Warp is not installed here (requirements/cuda.txt)"
)
SIZE = 48


@pytest.fixture
def portrait(monkeypatch) -> Portrait:
    """A portrait that the cuda engine draws on the CPU."""
    monkeypatch.setattr(cuda, "why_not", lambda: None)
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(cuda_lists, "_rooms", {})
    return drawn_portrait(300, SIZE).eval()


def assert_drawn_as_by_the_reference(portrait: Portrait, drive: Drive, index: int, size: int = SIZE) -> None:
    got = portrait.render(drive, index, size, engine="cuda")
    expected = portrait.render(drive, index, size, engine="reference")
    for name in ("rgb", "alpha", "mattes"):
        difference = np.abs(getattr(got, name) - getattr(expected, name))
        # In single precision, here and there a pixel more or less is inside of a splat's cut-off.
        assert difference.max() <= 1 / 255, name
        assert difference.mean() <= 1e-5, name
    assert np.abs(got.depth - expected.depth).mean() <= 0.01


@pytest.mark.parametrize("size", [SIZE, 2 * SIZE, SIZE // 2])
def test_every_frame_is_drawn_as_by_the_reference(portrait, size):
    drive = nodding_drive(portrait, 5)
    for index in (0, 3, 1, 4):
        assert_drawn_as_by_the_reference(portrait, drive, index, size)


def test_a_portrait_that_lies_elsewhere_is_drawn_without_a_graph(portrait, monkeypatch):
    drive = nodding_drive(portrait, 2)
    assert portrait._graphed.serves(drive)
    monkeypatch.setattr(cuda, "DEVICE", "cuda")
    assert not portrait._graphed.serves(drive)
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setenv(VARIABLE, "0")
    assert_drawn_as_by_the_reference(portrait, drive, 1)
    assert not portrait._graphed._kinds


def test_what_was_changed_between_two_frames_is_seen(portrait):
    drive = nodding_drive(portrait, 3)
    for _ in range(3):
        assert_drawn_as_by_the_reference(portrait, drive, 1)
        with torch.no_grad():
            portrait.face.means += 0.3
            next(portrait.facial_field.parameters()).mul_(1.1)
    portrait.face.means.data = portrait.face.means.data - 1.0
    assert_drawn_as_by_the_reference(portrait, drive, 1)
    portrait.face = drawn_portrait(350, SIZE, seed=5).face
    assert_drawn_as_by_the_reference(portrait, drive, 1)
    assert_drawn_as_by_the_reference(portrait, nodding_drive(portrait, 2), 1)


def test_a_frame_whose_lists_were_too_short_is_drawn_again(portrait, caplog):
    caplog.set_level(logging.INFO)
    drive = nodding_drive(portrait, 4)
    for index in (0, 1, 2):
        portrait.render(drive, index, SIZE, engine="cuda")
    for room in cuda_lists._rooms.values():
        room.pairs = 8
    assert_drawn_as_by_the_reference(portrait, drive, 3)
    assert "drawn again" in caplog.text


def test_nothing_in_a_captured_frame_waits(portrait, monkeypatch):
    monkeypatch.setattr(library, "load", lambda: None)  # without the CPU's own kernels, as on a GPU,
    monkeypatch.setattr(rasterize, "_check_labels", lambda *labels: None)  # nor what it alone checks
    drive = nodding_drive(portrait, 2)
    portrait.render(drive, 0, SIZE, engine="cuda")
    (kind,) = portrait._graphed._kinds.values()
    with torch.no_grad(), cuda_lists.watched(kind._watch), HostWaits() as seen:
        kind._body()
    assert seen.waits == []
    assert seen.sent > 50
