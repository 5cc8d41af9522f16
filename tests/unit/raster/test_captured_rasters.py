"""Rasters in captured graphs, on a stand-in for a GPU: what is captured is called again instead."""

from __future__ import annotations

import logging

import pytest
import torch

from backend.raster import cuda_lists
from backend.raster.capture import Captured, GraphPool, agree
from backend.raster.cuda_lists import MOST_PAIRS, Room, Watch, watched
from backend.raster.lens import Lens, lens_numbers, lens_of
from shared.camera import Intrinsics
from tests.support.raster_scenes import head_scene

pytest.importorskip("warp", reason="NVIDIA Warp is not installed here (requirements/cuda.txt)")

from backend.raster import graphed_raster
from backend.raster.cuda_function import Rasterize

CPU = torch.device("cpu")
INPUTS = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(cuda_lists, "_rooms", {})
    monkeypatch.setattr(graphed_raster, "_kinds", type(graphed_raster._kinds)())


def scene_of(count: int, seed: int) -> tuple[list[torch.Tensor], Intrinsics]:
    scene = head_scene(count, 48, 3, seed=seed, dtype=torch.float32)
    return [scene[name] for name in INPUTS], scene["intrinsics"]


def assert_drawn(got, inputs, camera) -> None:
    for picture, expected in zip(got, Rasterize.apply(*inputs, camera, 0.3), strict=True):
        assert torch.equal(picture, expected)


def test_pictures_of_one_kind_are_those_of_what_is_given(caplog):
    caplog.set_level(logging.INFO)
    for seed in range(4):
        inputs, camera = scene_of(200, seed)
        assert_drawn(graphed_raster.render(inputs, camera, 0.3), inputs, camera)
    assert len(graphed_raster._kinds) == 1
    assert not caplog.records


def test_a_picture_whose_lists_were_too_short_is_drawn_again():
    for seed in range(4):
        inputs, camera = scene_of(200, seed)
        graphed_raster.render(inputs, camera, 0.3)
        for room in cuda_lists._rooms.values():
            room.pairs = 5
        assert_drawn(graphed_raster.render(inputs, camera, 0.3), inputs, camera)


def test_only_so_many_kinds_are_kept():
    for count in range(20, 20 + 2 * graphed_raster.MOST_KINDS):
        inputs, camera = scene_of(count, 0)
        graphed_raster.render(inputs, camera, 0.3)
    assert len(graphed_raster._kinds) == graphed_raster.MOST_KINDS


def test_pictures_that_differ_when_replayed_are_sent_one_by_one(monkeypatch, caplog):
    monkeypatch.setattr(graphed_raster, "agree", lambda results, expected: False)
    for seed in range(3):
        inputs, camera = scene_of(150, seed)
        assert_drawn(graphed_raster.render(inputs, camera, 0.3), inputs, camera)
    assert [record.message for record in caplog.records] == [
        "Pictures cannot be captured here (a replayed picture differs): they are sent one by one, slowly."
    ]


def test_a_lens_is_read_when_the_kernels_run():
    inputs, camera = scene_of(200, 0)
    other = Intrinsics(camera.fx * 1.2, camera.fy * 0.9, camera.cx - 4, camera.cy + 3, camera.width, camera.height)
    lens = lens_of(camera, 0.3, CPU)
    on_device = Lens(**vars(camera), on_device=lens)
    before = Rasterize.apply(*inputs, on_device, 9.9)
    lens.copy_(torch.tensor(lens_numbers(other, 0.7), dtype=torch.float64))
    after = Rasterize.apply(*inputs, on_device, 9.9)
    for got, given, blur in ((before, camera, 0.3), (after, other, 0.7)):
        assert torch.equal(got[0], Rasterize.apply(*inputs, given, blur)[0])


def test_a_captured_raster_raises_the_flag_where_its_lists_are_too_short():
    inputs, camera = scene_of(200, 0)
    watch, pool = Watch.on(CPU), GraphPool(CPU)
    with watched(watch), pytest.raises(RuntimeError, match="was not drawn at before"):
        Rasterize.apply(*inputs, camera, 0.3)
    watch.prepare(CPU, camera.height, camera.width)
    outputs = []
    graph = Captured(lambda: outputs.append(Rasterize.apply(*inputs, camera, 0.3)), watch, pool)
    graph.replay()
    assert watch.overflow.item() == 0
    room = watch.seen[0][0]
    room.pairs = 5
    graph.replay()
    assert watch.overflow.item() == 1
    watch.grow()
    assert watch.overflow.item() == 0
    graph.replay()
    assert watch.overflow.item() == 0
    assert torch.equal(outputs[-1][0], outputs[0][0])


def test_room_grows_before_it_is_used_up_and_not_beyond_all_measure():
    room = Room(1000)
    assert room.suffices(700) and room.pairs == 1000
    assert room.suffices(900) and room.pairs >= 1350
    assert not room.suffices(10 * room.pairs)
    with pytest.raises(ValueError, match="too many splats"):
        room.suffices(MOST_PAIRS + 1)


def test_results_agree_up_to_roundings_and_no_further():
    values = [torch.tensor([1.0, 2.0]), torch.zeros(3), torch.tensor([1e-9])]
    assert agree([value * (1 + 1e-5) for value in values], values)
    assert agree([values[0], values[1], torch.tensor([2e-9])], values)
    assert not agree([values[0] * 1.1, *values[1:]], values)
    assert not agree([values[0], torch.tensor([0.0, 0.1, 0.0]), values[2]], values)
    assert not agree([torch.full((2,), torch.nan), *values[1:]], values)
    assert agree([], [])
