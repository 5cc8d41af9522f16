"""Colour as spherical harmonics: the basis by its defining properties, and the engines against torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from backend.raster import spherical_harmonics
from backend.raster.rasterize import rasterize
from tests.support.raster_scenes import head_scene, single_splat

ENGINES = ["reference", pytest.param("native", marks=pytest.mark.kernels)]


def sphere() -> tuple[torch.Tensor, torch.Tensor]:
    """Directions (N, 3) and weights (N,) that integrate polynomials up to degree 15 over the unit sphere exactly."""
    heights, weights = np.polynomial.legendre.leggauss(8)
    angles = np.arange(16) * (2 * math.pi / 16)
    z, angle = (grid.ravel() for grid in np.meshgrid(heights, angles, indexing="ij"))
    radius = np.sqrt(1 - z * z)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    return torch.from_numpy(directions), torch.from_numpy(np.repeat(weights, 16) * (2 * math.pi / 16))


def test_the_sixteen_functions_are_orthonormal_on_the_sphere():
    directions, weights = sphere()
    values = spherical_harmonics.basis(directions, 16)
    products = values.T @ (weights[:, None] * values)
    assert torch.allclose(products, torch.eye(16, dtype=torch.float64), rtol=0, atol=1e-12)


def test_order_and_signs_are_those_of_the_field():
    x, y, z = torch.eye(3, dtype=torch.float64)
    first = math.sqrt(3 / (4 * math.pi))
    values = spherical_harmonics.basis(torch.stack([x, y, z]), 4)
    expected = torch.tensor([[0, 0, -first], [-first, 0, 0], [0, first, 0]], dtype=torch.float64)
    assert torch.allclose(values[:, 1:], expected, rtol=0, atol=1e-15)
    assert values[:, 0].tolist() == [pytest.approx(1 / math.sqrt(4 * math.pi), abs=1e-15)] * 3
    diagonal = torch.tensor([[1.0, 1.0, 1.0]], dtype=torch.float64) / math.sqrt(3)
    at = dict(enumerate(spherical_harmonics.basis(diagonal, 16)[0].tolist()))
    assert at[4] == pytest.approx(math.sqrt(15 / (4 * math.pi)) / 3) and at[5] == pytest.approx(-at[4])
    assert at[10] == pytest.approx(math.sqrt(105 / (4 * math.pi)) / 3**1.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_splat_shows_its_colour_for_the_direction_from_the_camera(engine):
    scene = single_splat((3.0, 0.0, 4.0), scale=0.4, opacity=0.8, feature=7.0, size=65, dtype=torch.float32)
    coefficients = torch.zeros(1, 4, 3)
    coefficients[0, 0] = torch.tensor([1.0, -0.5, -3.0])
    coefficients[0, 2, 0], coefficients[0, 3, 1] = 2.0, 3.0
    out = rasterize(**scene, harmonics=coefficients, engine=engine)
    colour = out.features[32, 62] / out.alpha[32, 62]
    zero, one = 1 / math.sqrt(4 * math.pi), math.sqrt(3 / (4 * math.pi))
    # Seen along (0.6, 0, 0.8); the third channel would be negative.
    expected = [0.5 + zero + 2 * one * 0.8, 0.5 - 0.5 * zero - 3 * one * 0.6, 0.0]
    expected[1] = max(expected[1], 0.0)
    assert colour.tolist() == pytest.approx([*expected, 7.0], rel=1e-5, abs=1e-6)


def harmonic_scene(bases: int, channels: int, count: int = 600, size: int = 64) -> dict:
    scene = head_scene(count, size, max(channels, 1), seed=bases)
    random = torch.Generator().manual_seed(bases)
    scene["features"] = scene["features"][:, :channels]
    scene["harmonics"] = torch.randn(count, bases, 3, generator=random, dtype=torch.float64)
    # From the side, so that no derivative is zero by symmetry.
    scene["camera_from_world"][:3, 3] += torch.tensor([4.0, -3.0, 0.0])
    return scene


def with_gradients(scene: dict, engine: str, threads: int = 2) -> dict[str, torch.Tensor]:
    """Picture and gradients of a random linear function of it, by name."""
    leaves = {name: value.clone().requires_grad_() for name, value in scene.items() if torch.is_tensor(value)}
    out = rasterize(**scene | leaves, engine=engine, threads=threads)
    random = torch.Generator().manual_seed(3)
    loss = torch.zeros((), dtype=out.alpha.dtype)
    for tensor in (out.features, out.alpha, out.depth / 50):
        weight = torch.randn(tensor.shape, generator=random, dtype=torch.float64)
        loss = loss + (tensor * weight.to(tensor.dtype)).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {"picture": out.features, "alpha": out.alpha, "depth": out.depth} | {
        f"gradient of {name}": gradient for name, gradient in zip(leaves, gradients, strict=True)
    }


def as_type(scene: dict, dtype: torch.dtype) -> dict:
    return {name: value.to(dtype) if torch.is_tensor(value) else value for name, value in scene.items()}


@pytest.mark.kernels
@pytest.mark.parametrize(("bases", "channels"), [(1, 0), (4, 2), (9, 7), (16, 0), (16, 1)])
def test_values_and_gradients_agree_with_the_double_precision_reference(bases, channels):
    scene = as_type(harmonic_scene(bases, channels), torch.float32)
    expected = with_gradients(as_type(scene, torch.float64), "reference")
    for name, got in with_gradients(scene, "native").items():
        error = (got.double() - expected[name]).norm() / expected[name].norm().clamp(min=1e-30)
        assert got.shape == expected[name].shape and error.item() < 1e-4, name


def test_gradients_agree_with_finite_differences():
    scene = harmonic_scene(16, 0, count=6)
    names = ("means", "harmonics", "camera_from_world")

    def seen(*inputs: torch.Tensor) -> torch.Tensor:
        # The clamp has a kink: a shift keeps every colour away from it.
        return spherical_harmonics.colours(inputs[0], inputs[1] * 0.05, inputs[2])

    assert torch.autograd.gradcheck(seen, [scene[name].clone().requires_grad_() for name in names])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_coefficient_leaves_the_other_gaussians_as_they_are(engine, bad):
    scene = as_type(harmonic_scene(9, 1, count=100), torch.float32)
    per_gaussian = ("means", "quaternions", "scales", "opacities", "features", "harmonics")
    expected = with_gradients(scene | {name: scene[name][1:] for name in per_gaussian}, engine)
    scene["harmonics"][0, 5, 1] = bad
    got = with_gradients(scene, engine)
    assert torch.allclose(got["picture"], expected["picture"], rtol=0, atol=1e-6)
    for name in per_gaussian:
        gradient = got[f"gradient of {name}"]
        assert gradient[0].abs().max().item() == 0 if gradient[0].numel() else True, name
        assert torch.allclose(gradient[1:], expected[f"gradient of {name}"], rtol=1e-4, atol=1e-5), name


def test_the_basis_is_that_of_gsplat():
    gsplat = pytest.importorskip("gsplat.cuda._torch_impl", reason="gsplat is not installed")
    directions, _ = sphere()
    random = torch.Generator().manual_seed(0)
    coefficients = torch.randn(len(directions), 16, 3, generator=random, dtype=torch.float64)
    for degree, count in enumerate(spherical_harmonics.BASES):
        expected = gsplat._spherical_harmonics(degree, directions, coefficients[:, :count])
        got = (spherical_harmonics.basis(directions, count)[..., None] * coefficients[:, :count]).sum(1)
        assert torch.allclose(got, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 4), (4, 4, 3), (5, 4, 1)])
def test_harmonics_of_a_wrong_shape_are_refused_with_the_shape_that_was_given(shape):
    scene = head_scene(5, 16)
    with pytest.raises(ValueError, match=rf"harmonics has shape \({', '.join(map(str, shape))}\)"):
        rasterize(**scene, harmonics=torch.zeros(shape))
