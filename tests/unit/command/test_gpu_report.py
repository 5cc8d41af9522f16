"""Measurements for machines with a GPU: what of them can be had without one."""

from __future__ import annotations

import argparse
import functools
import json
import sys

import pytest
import torch

from backend.command import gpu_report
from backend.raster import cuda
from tests.support.synthetic_subject import SIZE
from tests.unit.train.test_step_on_a_gpu import needs_warp

pytestmark = needs_warp


@pytest.mark.slow
def test_distances_from_the_reference_are_far_under_what_is_asked():
    found = gpu_report.equality(argparse.Namespace())
    assert len(found["cuda"]) == 9
    assert max(found["cuda"].values()) < 1e-5
    assert found["largest difference of a colour, cuda and native"] < 1 / 255


@pytest.mark.slow
def test_every_kernel_compiles_for_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(gpu_report, "GENERATIONS", (75,))
    monkeypatch.setattr(gpu_report, "FEATURES", (3,))
    assert gpu_report.kernels(argparse.Namespace())["sm_75"]["bytes"] > 10_000


def test_a_render_that_cannot_be_written_leaves_the_other_figures(monkeypatch):
    def entries(engine, threads, gaussians, size, seconds, to):
        if to == ("render+movie",):
            raise ImportError("No module named 'av'")
        return [{"name": to[0], "engine": engine}]

    monkeypatch.setattr(gpu_report, "render_entries", entries)
    for name in ("raster_entry", "step_entry"):
        monkeypatch.setattr(gpu_report, name, lambda *case: {"name": "other"})
    monkeypatch.setattr(gpu_report.native, "is_available", lambda: False)
    told = gpu_report.raster(argparse.Namespace())["entries"]
    assert [entry.get("error") for entry in told if entry["name"].startswith("render")] == [
        None, None, "ImportError: No module named 'av'",
    ]  # fmt: skip


def test_a_film_larger_than_the_stored_frames_is_left_out(subject, monkeypatch, capsys):
    arguments = ["gpu_report", "film", "--subject", str(subject.root), "--size", str(4 * SIZE)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert gpu_report.main() == 0
    assert "stored at" in json.loads(capsys.readouterr().out)["skipped"]


def test_a_film_training_tells_of_its_time_and_memory(subject, monkeypatch):
    monkeypatch.setattr(cuda, "why_not", lambda: None)
    monkeypatch.setattr(cuda, "render", functools.partial(cuda.render, device="cpu"))
    monkeypatch.setattr(gpu_report.trainer, "engine_device", lambda name: torch.device("cpu"))
    for name in ("memory_allocated", "max_memory_allocated", "memory_reserved"):
        monkeypatch.setattr(torch.cuda, name, lambda: 3 << 20)
    options = argparse.Namespace(subject=str(subject.root), size=SIZE, seconds=0.5)
    told = gpu_report.film(options)
    assert told["steps"] >= 1 and told["of"] == 30000
    assert told["over_time"][-1]["gpu_mb"] == 3
    assert told["whole_training_s"] > told["s"]
