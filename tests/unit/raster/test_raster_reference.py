"""The reference engine against analytic cases and finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from backend.raster import constants, reference
from backend.raster.rasterize import rasterize
from tests.support.raster_scenes import head_scene, single_splat, stack


def test_a_splat_on_the_axis_is_a_gaussian_of_the_analytic_width():
    scene = single_splat((0.0, 0.0, 5.0), scale=0.4, opacity=0.8, feature=2.0)
    focal = scene["intrinsics"].fx
    variance = (focal * 0.4 / 5.0) ** 2 + 0.3
    picture = rasterize(**scene, engine="reference")
    for x, y in ((16, 16), (18, 16), (16, 13), (20, 19)):
        expected = 0.8 * math.exp(-0.5 * ((x - 16) ** 2 + (y - 16) ** 2) / variance)
        assert picture.alpha[y, x].item() == pytest.approx(expected, rel=1e-12)
        assert picture.features[y, x, 0].item() == pytest.approx(2.0 * expected, rel=1e-12)
        assert picture.depth[y, x].item() == pytest.approx(5.0 * expected, rel=1e-12)


def test_alpha_ends_where_it_falls_below_the_cut_off():
    picture = rasterize(**single_splat((0.0, 0.0, 5.0), 0.4, 0.8, 1.0, size=65), engine="reference")
    covered = picture.alpha[picture.alpha > 0]
    assert covered.min().item() >= constants.ALPHA_CUTOFF
    assert picture.alpha[0, 0].item() == 0.0


def test_two_stacked_splats_blend_front_over_back_whatever_their_order_in_memory():
    front = single_splat((0.0, 0.0, 4.0), 0.4, 0.6, 1.0)
    back = single_splat((0.0, 0.0, 6.0), 0.4, 0.9, 10.0)
    for scene in (stack(front, back), stack(back, front)):
        picture = rasterize(**scene, engine="reference")
        assert picture.features[16, 16, 0].item() == pytest.approx(0.6 * 1.0 + 0.4 * 0.9 * 10.0, rel=1e-12)
        assert picture.alpha[16, 16].item() == pytest.approx(1 - 0.4 * 0.1, rel=1e-12)
        assert picture.depth[16, 16].item() == pytest.approx(0.6 * 4.0 + 0.4 * 0.9 * 6.0, rel=1e-12)


def test_a_pixel_is_finished_before_its_transmittance_falls_to_the_stop():
    opaque = [single_splat((0.0, 0.0, 4.0 + i), 0.4, 1.0, 1.0) for i in range(3)]
    picture = rasterize(**stack(*opaque), engine="reference")
    # One splat at the cap leaves 1e-3; a second would leave 1e-6 and is therefore not drawn.
    assert picture.alpha[16, 16].item() == pytest.approx(constants.ALPHA_CAP, rel=1e-12)


def test_an_empty_scene_is_an_empty_picture():
    scene = head_scene(0, 16)
    picture = rasterize(**scene, engine="reference")
    assert picture.features.shape == (16, 16, 3)
    assert picture.alpha.abs().max().item() == 0 and picture.depth.abs().max().item() == 0


def test_bands_of_rows_give_the_same_picture_and_gradients_as_one_band():
    scene = head_scene(200, 40)
    scene["means"].requires_grad_()
    results = []
    for max_pairs in (1 << 20, 500):
        features, alpha, depth = reference.render(**scene, max_pairs=max_pairs)
        loss = features.square().sum() + alpha.sum() + depth.sum()
        results.append((features.detach(), torch.autograd.grad(loss, scene["means"])[0]))
    assert torch.allclose(results[0][0], results[1][0], rtol=0, atol=1e-12)
    assert torch.allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("blur", [0.3, 2.0])
def test_gradients_agree_with_finite_differences_in_every_input(blur):
    scene = head_scene(5, 8, channels=2, seed=3)
    names = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")
    scene["opacities"] *= 0.9  # away from the cap, where the model has a kink
    # The camera looks from the side a little, so that no derivative is zero by symmetry.
    scene["camera_from_world"][:3, 3] += torch.tensor([0.4, -0.3, 0.0])

    def picture(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        arguments = scene | dict(zip(names, inputs, strict=True))
        return reference.render(**arguments, blur=blur, alpha_cutoff=0.0, transmittance_stop=0.0)

    inputs = [scene[name].clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(picture, inputs, eps=1e-6, atol=1e-6, rtol=1e-5)
