"""SSIM against a direct implementation."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from backend.kernels import library
from backend.settings import LossWeights
from backend.train.data import Sample
from backend.train.loss import picture_loss
from backend.train.ssim import ssim, ssim_map
from shared.camera import Intrinsics
from tests.support.host_waits import similarity_as_on_a_gpu


def pictures(height: int = 19, width: int = 23, channels: int = 3, dtype: torch.dtype = torch.float64):
    random = torch.Generator().manual_seed(0)
    picture = torch.rand(height, width, channels, generator=random, dtype=torch.float64)
    target = (picture + 0.2 * torch.randn(height, width, channels, generator=random, dtype=torch.float64)).clamp(0, 1)
    return picture.to(dtype), target.to(dtype)


def direct_ssim(picture: torch.Tensor, target: torch.Tensor, row: int, column: int, channel: int) -> float:
    """The definition at one pixel, window pixel by window pixel."""
    weights = {(dy, dx): math.exp(-(dx * dx + dy * dy) / (2 * 1.5**2)) for dy in range(-5, 6) for dx in range(-5, 6)}
    total = sum(weights.values())
    sums = [0.0] * 5
    for (dy, dx), weight in weights.items():
        inside = 0 <= row + dy < picture.shape[0] and 0 <= column + dx < picture.shape[1]
        x = picture[row + dy, column + dx, channel].item() if inside else 0.0
        y = target[row + dy, column + dx, channel].item() if inside else 0.0
        for index, value in enumerate((x, y, x * x, y * y, x * y)):
            sums[index] += weight / total * value
    mx, my, xx, yy, xy = sums
    return ((2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)) / (
        (mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4)
    )


def test_ssim_of_a_picture_with_itself_is_one():
    picture, _ = pictures()
    assert ssim(picture, picture).item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("pixel", [(0, 0, 0), (9, 11, 1), (18, 22, 2), (3, 20, 0)])
def test_ssim_agrees_with_its_definition_inside_and_at_the_border(pixel):
    picture, target = pictures()
    assert ssim_map(picture, target)[pixel].item() == pytest.approx(direct_ssim(picture, target, *pixel), abs=1e-12)


def test_ssim_gradient_agrees_with_finite_differences():
    picture, target = pictures(7, 9, 2)
    assert torch.autograd.gradcheck(lambda p: ssim(p, target), picture.requires_grad_())


def test_pictures_of_different_shapes_are_refused():
    picture, target = pictures()
    with pytest.raises(ValueError, match=r"\(19, 23, 3\) and \(18, 23, 3\)"):
        ssim(picture, target[1:])


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=pytest.mark.kernels), False])
@pytest.mark.parametrize("size", [(7, 5), (65, 77), (130, 64)])
def test_the_fast_ssim_and_its_gradient_agree_with_the_double_precision_one(compiled, size, monkeypatch):
    if not compiled:
        monkeypatch.setattr(library, "load", lambda: None)
    picture, target = pictures(*size)
    picture.requires_grad_()
    expected = ssim(picture, target)
    expected_gradient = torch.autograd.grad(expected, picture)[0]
    # As the rasteriser leaves it (planes), and as a picture usually lies in memory.
    for layout in (torch.Tensor.contiguous, lambda p: p.permute(2, 0, 1).contiguous().permute(1, 2, 0)):
        single = layout(picture.detach().float()).requires_grad_()
        got = ssim(single, target.float())
        gradient = torch.autograd.grad(3 * got, single)[0]
        assert got.item() == pytest.approx(expected.item(), abs=1e-6)
        error = (gradient / 3 - expected_gradient).norm() / expected_gradient.norm()
        assert error.item() < 1e-5


def test_a_mouth_told_by_a_mask_weighs_as_one_told_by_its_box():
    picture, target = pictures()
    rows, columns = slice(4, 9), slice(3, 15)
    camera = Intrinsics(20.0, 20.0, 11.5, 9.5, 23, 19)
    by_box = Sample(target, torch.zeros(19, 23, 4), torch.zeros_like(target), (rows, columns), camera)
    mask = torch.zeros(19, 23)
    for box in ((rows, columns), (slice(0, 0), slice(0, 0))):
        mask.zero_()[box] = 1.0
        expected = picture_loss(picture, replace(by_box, mouth=box), LossWeights())
        got = picture_loss(picture, replace(by_box, in_mouth=mask), LossWeights())
        assert got.item() == pytest.approx(expected.item(), rel=1e-9)


def test_similarity_on_a_gpu_has_the_values_and_gradients_of_the_definition():
    picture, target = pictures(dtype=torch.float32)
    exact = picture.double().requires_grad_()
    expected = ssim_map(exact, target.double()).mean()
    (expected_gradient,) = torch.autograd.grad(expected, exact)

    leaf = picture.clone().requires_grad_()
    value = similarity_as_on_a_gpu(leaf, target)
    (gradient,) = torch.autograd.grad(3 * value, leaf)
    assert value.item() == pytest.approx(expected.item(), abs=1e-5)
    assert (gradient / 3 - expected_gradient).norm() <= 1e-4 * expected_gradient.norm()
