"""The kernels of the platforms that this machine is not: run, and held against this machine's own.

Windows' library runs under Wine; macOS' cannot run here, but its sources can, compiled for 64-bit ARM, under qemu.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from backend.kernels import interface, library
from backend.raster.rasterize import rasterize
from tests.platforms.platform_inputs import BLUR_PX2, POINTS, SCENE
from tests.platforms.platform_targets import HARNESS

GROUPS = ("raster", "planes", "field", "pose", "loss", "ssim", "adam", "frames")
NOTHING_THERE = 1e9
"""Depths beyond are the mark of an empty pixel, and no lengths."""

TOLERANCE = 2e-6
"""Relative L2, of all that is a smooth function of the inputs. Processors may fuse a multiplication with an addition or
not, and C libraries' exp and log differ in the last bit: 6e-8 an operation, some ten of them on a value's way, and sums
over blocks whose rounding errors partly cancel. avx2 and portable kernels of one machine differ by 2e-7 at most."""
RASTER_TOLERANCES = {"out": 5e-6, "labelled": 5e-6, "grad": 1e-4}
"""A splat ends where its alpha falls below 1/255, and a pixel where its transmittance would fall to 1e-4: where
rounding moves one pixel over such an edge, the picture jumps by 1/255 of a splat there, and a gradient by as much times
the distance from the splat's centre. avx2 and portable kernels differ by 4e-7 in pictures and 2e-5 in gradients."""


def tolerance(name: str) -> float:
    """Of one output."""
    group, _, rest = name.partition(".")
    return RASTER_TOLERANCES[rest.split(".")[1]] if group == "raster" else TOLERANCE


def own_instruction_set() -> str:
    """Of this machine's library."""
    loaded = library.load()
    assert loaded is not None
    return library.describe(loaded)["instruction_set"]


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray], group: str) -> None:
    """All outputs of a group: integers within one step, the rest within their tolerances."""
    names = [name for name in expected if name.startswith(group + ".")]
    assert names and set(names) == {name for name in got if name.startswith(group + ".")}
    for name in names:
        mine, theirs = got[name].astype(np.float64), expected[name].astype(np.float64)
        assert mine.shape == theirs.shape and np.isfinite(mine).all(), name
        if got[name].dtype.kind == "u":
            # Half floats and bytes, rounded from values that differ in their last bits: rarely to the neighbour.
            assert np.abs(mine - theirs).max() <= 1 and (mine != theirs).mean() < 1e-3, name
            continue
        empty = theirs > NOTHING_THERE
        assert np.array_equal(mine[empty], theirs[empty]), name
        apart = np.linalg.norm(mine[~empty] - theirs[~empty]) / np.linalg.norm(theirs[~empty])
        assert apart < tolerance(name), f"{name}: {apart:.2e}"


def assert_bits_do_not_depend_on_threads(outputs) -> None:
    first, *others = outputs.by_threads.values()
    for other in others:
        differing = [name for name in first if first[name].tobytes() != other[name].tobytes()]
        assert differing == ["threads"]


def test_the_harness_calls_every_function_of_the_interface():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(HARNESS.glob("*.cpp")))
    assert set(re.findall(r"\bFUNCTION\((\w+)\)", text)) == set(interface.functions())


def test_the_harness_gives_what_the_backend_gives(here, inputs):
    """So that a mistake of the harness itself, the same on every platform, is found out."""
    if own_instruction_set() == "portable":
        exact = 0.0
    else:
        exact = RASTER_TOLERANCES["out"]
    name = "raster.harmonics"
    shapes: dict[str, tuple[int, ...]] = {"means": (-1, 3), "quaternions": (-1, 4), "scales": (-1, 3)}
    shapes |= {"opacities": (-1,), "features": (-1, 2), "harmonics": (-1, 16, 3), "camera_from_world": (4, 4)}
    tensors: Any = {key: torch.tensor(inputs[f"{name}.{key}"]).reshape(shape) for key, shape in shapes.items()}
    picture = rasterize(**tensors, intrinsics=SCENE, blur=BLUR_PX2, engine="native")
    got = here.by_threads[1]
    drawn = got[f"{name}.out.features"].reshape(5, SCENE.height, SCENE.width)
    for mine, theirs in (
        (np.moveaxis(drawn, 0, -1), picture.features.numpy()),
        (got[f"{name}.out.alpha"].reshape(SCENE.height, SCENE.width), picture.alpha.numpy()),
        (got[f"{name}.out.depth"].reshape(SCENE.height, SCENE.width), picture.depth.numpy()),
    ):
        assert np.linalg.norm(mine - theirs) <= exact * np.linalg.norm(theirs)
    assert picture.alpha.mean() > 0.5 and len(inputs[f"{name}.opacities"]) == POINTS


def test_a_difference_in_one_number_is_seen(here):
    outputs = here.by_threads[1]
    for group in GROUPS:
        assert_same(outputs, outputs, group)
        name = next(name for name in outputs if name.startswith(group + ".") and outputs[name].dtype.kind == "f")
        spoilt = outputs[name].copy()
        spoilt[0] = 1.001 * spoilt[0] + 0.1 * np.linalg.norm(spoilt)
        with pytest.raises(AssertionError, match=re.escape(name)):
            assert_same(outputs | {name: spoilt}, outputs, group)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_windows_portable_kernels_give_what_this_machine_s_give(windows, here, group):
    assert_same(windows["portable"].by_threads[1], here.by_threads[1], group)


@pytest.mark.slow
def test_windows_vector_kernels_give_what_its_portable_ones_give(windows):
    expected = windows["portable"].by_threads[1]
    for outputs in windows.values():
        for group in GROUPS:
            assert_same(outputs.by_threads[1], expected, group)


@pytest.mark.slow
def test_windows_uses_the_best_instruction_set_of_the_processor(windows):
    best = own_instruction_set()
    assert best in windows and "portable" in windows


@pytest.mark.slow
def test_on_windows_bits_do_not_depend_on_the_number_of_threads(windows):
    for outputs in windows.values():
        assert_bits_do_not_depend_on_threads(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_arm64_kernels_give_what_this_machine_s_portable_ones_give(arm64, here, group):
    assert arm64.instruction_set == "portable"
    assert_same(arm64.by_threads[1], here.by_threads[1], group)


@pytest.mark.slow
def test_on_arm64_bits_do_not_depend_on_the_number_of_threads(arm64):
    assert_bits_do_not_depend_on_threads(arm64)
