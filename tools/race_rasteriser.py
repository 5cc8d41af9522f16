"""Times the native rasteriser against an engine from outside of this repository, in turns, and compares their results.

    python -m tools.race_rasteriser FOLDER [--threads N] [--seconds S]

FOLDER holds the other engine: `cpp_engine.py` with build(), the globals LIB and NT, and the differentiable function
FullF.apply(means, quaternions, scales, opacities, colours, camera_from_world, K, width, height) that returns colour
with depth (H, W, 4) and alpha (H, W); and `scene.py` with make_scene(count, height, width) that returns the first seven
of those. Runs in the backend's environment. Prints one JSON line a case.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.raster.rasterize import RasterOutput, rasterize
from shared.camera import Intrinsics

CASES = ((2_000, 128), (10_000, 256), (20_000, 512))
"""Gaussians and picture size, px."""
NAMES = ("means", "quaternions", "scales", "opacities", "features")


def race(runners: list[Callable[[], object]], seconds: float) -> list[float]:
    """Median milliseconds of every runner. They take turns, so that what disturbs one disturbs all."""
    times: list[list[float]] = [[] for _ in runners]
    for run in runners * 3:
        run()
    while not times[0] or sum(map(sum, times)) < seconds:
        for run, its in zip(runners, times, strict=True):
            started = time.perf_counter()
            run()
            its.append(time.perf_counter() - started)
    return [round(1e3 * statistics.median(its), 3) for its in times]


def compare(other, make_scene: Callable, count: int, size: int, threads: int, seconds: float) -> dict:
    """One case: milliseconds of [theirs, ours] and their ratio; the largest difference of every picture; the gradients'
    differences by the length of theirs; and what pose gradient, harmonics and four more channels cost us, ms."""
    *tensors, pose, k = make_scene(count, size, size)
    scene: dict[str, Any] = dict(zip(NAMES, tensors, strict=True)) | {"camera_from_world": pose}
    options: dict[str, Any] = {
        "intrinsics": Intrinsics(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), size, size),
        "threads": threads,
    }
    leaves = {name: scene[name].clone().requires_grad_() for name in NAMES}
    # Every engine gets the loss's gradient in the layout of its own picture: channels last there, planes here.
    planes = torch.rand(8, size, size, generator=torch.Generator().manual_seed(0))
    upstream = planes[[0, 1, 2, 7]].permute(1, 2, 0).contiguous()

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, ...]:
        out: RasterOutput = rasterize(**scene | leaves, **options)
        gradient = planes[: out.features.shape[2]].permute(1, 2, 0)
        return torch.autograd.grad((out.features, out.depth), list(leaves.values()), (gradient, planes[7]))

    def theirs() -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            other.FullF.apply(*leaves.values(), pose, k, size, size)[0], list(leaves.values()), upstream
        )

    with torch.no_grad():
        forward = race(
            [lambda: other.FullF.apply(*tensors, pose, k, size, size), lambda: rasterize(**scene, **options)],
            seconds / 3,
        )
        (colour_depth, alpha), mine = other.FullF.apply(*tensors, pose, k, size, size), rasterize(**scene, **options)
    pictures = {
        "colour": colour_depth[..., :3] - mine.features,
        "alpha": alpha - mine.alpha,
        "depth": colour_depth[..., 3] - mine.depth,
    }
    both = race([theirs, lambda: ours(leaves)], seconds / 3)
    gradients = zip(NAMES, theirs(), ours(leaves), strict=True)

    harmonics = torch.randn(count, 16, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    variants = {
        "plain": leaves,
        "pose gradient": leaves | {"camera_from_world": pose.clone().requires_grad_()},
        "harmonics": leaves | {"features": torch.empty(count, 0, requires_grad=True), "harmonics": harmonics},
        "seven channels": leaves | {"features": torch.rand(count, 7, requires_grad=True)},
    }
    plain, *extra = race([functools.partial(ours, it) for it in variants.values()], seconds / 3)
    return {
        "gaussians": count, "size": size, "threads": threads,
        "forward_ms": forward, "forward_ratio": round(forward[0] / forward[1], 2),
        "forward_backward_ms": both, "forward_backward_ratio": round(both[0] / both[1], 2),
        "apart": {name: float(f"{difference.abs().max().item():.1e}") for name, difference in pictures.items()},
        "gradients_apart": {name: float(f"{((a - b).norm() / a.norm()).item():.1e}") for name, a, b in gradients},
        "extra_ms": {name: round(ms - plain, 3) for name, ms in zip(list(variants)[1:], extra, strict=True)},
    }  # fmt: skip


def main() -> int:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where cpp_engine.py and scene.py are")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=9.0, help="for each case")
    options = parser.parse_args()
    sys.path.insert(0, str(options.folder.resolve()))
    import cpp_engine
    from scene import make_scene

    torch.set_num_threads(options.threads)
    cpp_engine.LIB, cpp_engine.NT = cpp_engine.build(), options.threads
    for count, size in CASES:
        print(json.dumps(compare(cpp_engine, make_scene, count, size, options.threads, options.seconds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
