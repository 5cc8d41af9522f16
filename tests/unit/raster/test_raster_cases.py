"""Every engine against pictures that a slow program, written apart from them, draws of the same scenes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

from backend.raster import constants, cuda, reference, spherical_harmonics
from backend.raster.rasterize import rasterize
from shared.camera import Intrinsics
from tests.support.raster_cases.generate import CASES, CLEARANCE, FOLDER, Case, make
from tests.support.raster_cases.slow_splats import Picture

ARRAYS = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")
SINGLE_TOLERANCE = 2e-5
"""Of a pixel, as a share of the picture's largest value, for engines that calculate in single precision. No pixel
stands nearer than `CLEARANCE` to an edge of the model, so rounding moves no splat over one. What is left is
6e-8 an operation, times the exponent of a Gaussian (at most ln 255 = 5.5 where it is drawn), some ten splats deep, and
times what the inverse covariance of a needle loses, whose determinant is a difference of nearly equal products. The
engines come within 3e-6."""
DOUBLE_TOLERANCE = 1e-12
"""Likewise, in double precision: 1e-16 an operation, times as much; the engine comes within 1e-13."""


@functools.cache
def made(name: str) -> tuple[Case, Picture]:
    return make(name)


@functools.cache
def stored(name: str) -> Case:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def scene(case: Case, dtype: torch.dtype) -> tuple[dict, torch.Tensor | None]:
    """The arguments of `rasterize`, and the harmonics, where there are some."""
    arguments: dict[str, Any] = {name: torch.from_numpy(case[name]).to(dtype) for name in ARRAYS}
    fx, fy, cx, cy = map(float, case["intrinsics"])
    width, height = map(int, case["size"])
    arguments["intrinsics"] = Intrinsics(fx, fy, cx, cy, width, height)
    harmonics = torch.from_numpy(case["harmonics"]).to(dtype)
    return arguments, harmonics if harmonics.shape[1] else None


def draw(case: Case, engine: str, dtype: torch.dtype = torch.float32) -> dict[str, np.ndarray]:
    arguments, harmonics = scene(case, dtype)
    if engine == "warp":
        if harmonics is not None:
            colours = spherical_harmonics.colours(arguments["means"], harmonics, arguments["camera_from_world"])
            arguments["features"] = torch.cat([colours, arguments["features"]], dim=1)
        outputs = cuda.render(**arguments, device="cpu")
    else:
        picture = rasterize(**arguments, harmonics=harmonics, engine=engine)
        outputs = (picture.features, picture.alpha, picture.depth)
    return {name: array.numpy() for name, array in zip(("features", "alpha", "depth"), outputs, strict=True)}


def furthest(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest difference of any pixel, as a share of the largest value of its kind."""
    assert all(got[name].shape == expected[name].shape for name in expected)
    return max(np.abs(got[name] - expected[name]).max() / np.abs(expected[name]).max() for name in expected)


def expectation(case: Case) -> dict[str, np.ndarray]:
    return {name: case[f"expected_{name}"] for name in ("features", "alpha", "depth")}


@pytest.mark.parametrize("name", CASES)
def test_the_stored_cases_are_what_their_generator_makes(name):
    case, picture = made(name)
    assert picture.closest > CLEARANCE
    file = stored(name)
    for key, array in case.items():
        # Sines and exponentials may differ in their last bit from one C library to the next.
        assert file[key].dtype == array.dtype and np.allclose(file[key], array, rtol=1e-6, atol=1e-7), key
    for key, array in expectation(file).items():
        assert np.allclose(array, vars(picture)[key], rtol=1e-5, atol=1e-6), key
    assert set(file) == {*case, "expected_features", "expected_alpha", "expected_depth"}


@pytest.mark.parametrize("name", CASES)
def test_the_reference_engine_draws_what_the_slow_program_draws(name):
    case, picture = made(name)
    expected = {"features": picture.features, "alpha": picture.alpha, "depth": picture.depth}
    assert furthest(draw(case, "reference", torch.float64), expected) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("engine", ["reference", pytest.param("native", marks=pytest.mark.kernels), "warp"])
@pytest.mark.parametrize("name", CASES)
def test_every_engine_draws_the_stored_picture_in_single_precision(name, engine):
    if engine == "warp":
        pytest.importorskip("warp", reason="Warp is not installed here (requirements/cuda.txt)")
    case = stored(name)
    assert furthest(draw(case, engine), expectation(case)) < SINGLE_TOLERANCE


def test_the_cases_reach_what_they_are_there_for():
    colours = {name: expectation(stored(name))["features"].shape[2] for name in CASES}
    assert colours["one_channel"] == 1 and colours["nine_channels"] == 9 and colours["harmonics_of_degree_3"] == 5
    assert expectation(stored("opaque"))["alpha"].max() > constants.ALPHA_CAP - 1e-6
    case = stored("near_plane")
    depths = case["means"] @ case["camera_from_world"][2, :3] + case["camera_from_world"][2, 3]
    assert (depths < 0).any() and ((depths > 0) & (depths < constants.NEAR)).any()
    assert ((depths > constants.NEAR) & (depths < 1.2 * constants.NEAR)).any()


@pytest.mark.parametrize(
    ("constant", "value"),
    [("ALPHA_CAP", 0.99), ("NEAR", 0.012), ("FOV_MARGIN", 0.15), ("PIXEL_CENTRE", 0.49)],
)
def test_another_constant_of_the_model_would_be_seen(constant, value, monkeypatch):
    monkeypatch.setattr(constants, constant, value)
    apart = [furthest(draw(stored(name), "reference"), expectation(stored(name))) for name in CASES]
    assert max(apart) > 10 * SINGLE_TOLERANCE


@pytest.mark.parametrize("limits", [{"alpha_cutoff": 1.2 / 255}, {"transmittance_stop": 5e-4}, {"blur": 0.31}])
def test_another_limit_or_screen_filter_would_be_seen(limits):
    apart = []
    for name in ("one_channel", "opaque"):
        arguments, _ = scene(stored(name), torch.float32)
        outputs = zip(("features", "alpha", "depth"), reference.render(**arguments, **limits), strict=True)
        apart.append(furthest({key: tensor.numpy() for key, tensor in outputs}, expectation(stored(name))))
    assert max(apart) > 10 * SINGLE_TOLERANCE
