"""The comparison with an engine from outside: it sees agreement where there is, and a difference where there is one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from backend.raster.rasterize import rasterize
from shared.camera import Intrinsics
from tests.support.raster_scenes import head_scene
from tools.race_rasteriser import compare, race

NAMES = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")


def make_scene(count: int, height: int, width: int) -> list[torch.Tensor]:
    scene = head_scene(count, width, dtype=torch.float32)
    focal = scene["intrinsics"].fx
    k = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return [*(scene[name] for name in NAMES), k]


def outside_engine(brighter: float) -> SimpleNamespace:
    """The reference engine behind the outside engine's interface, its colours multiplied."""

    def apply(means, quaternions, scales, opacities, colours, pose, k, width, height):
        intrinsics = Intrinsics(k[0, 0].item(), k[1, 1].item(), k[0, 2].item(), k[1, 2].item(), width, height)
        out = rasterize(
            means, quaternions, scales, opacities, brighter * colours, pose, intrinsics, engine="reference"
        )  # fmt: skip
        return torch.cat([out.features, out.depth[..., None]], -1), out.alpha

    return SimpleNamespace(FullF=SimpleNamespace(apply=apply))


def test_an_engine_that_draws_the_same_is_seen_to_do_so_and_one_that_does_not_is_not():
    same, brighter = (compare(outside_engine(by), make_scene, 150, 32, 1, 0.0) for by in (1.0, 1.5))
    assert max(same["apart"].values()) < 1e-3 and max(same["gradients_apart"].values()) < 1e-4
    assert brighter["apart"]["colour"] > 0.1 and brighter["apart"]["alpha"] == same["apart"]["alpha"]
    assert brighter["gradients_apart"]["features"] == pytest.approx(1 / 3, abs=0.005)  # two digits
    theirs, ours = same["forward_ms"]
    assert same["forward_ratio"] == pytest.approx(theirs / ours, rel=0.05)


def test_runners_take_turns():
    order = []
    race([lambda: order.append("a"), lambda: order.append("b")], 1e-5)
    assert order[:6] == ["a", "b"] * 3 and order == ["a", "b"] * (len(order) // 2)
