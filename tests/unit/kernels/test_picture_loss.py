"""The compiled training loss against the same in double precision."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from backend.portrait.portrait import PortraitFrame
from backend.settings import LossWeights
from backend.train.data import Sample
from backend.train.loss import composite, matte_loss, picture_loss, portrait_loss
from shared.camera import Intrinsics


def case(height: int, width: int, *, dtype: torch.dtype = torch.float32, planar: bool = True):
    """A drawn frame with mattes, and a sample."""
    random = torch.Generator().manual_seed(height * 100 + width)

    def picture(channels: int) -> torch.Tensor:
        made = torch.rand(channels, height, width, generator=random, dtype=torch.float64).to(torch.float32).to(dtype)
        return made.permute(1, 2, 0) if planar else made.permute(1, 2, 0).contiguous()

    alpha = picture(1)[..., 0]
    frame = PortraitFrame(picture(3) * alpha[..., None], alpha, torch.zeros(height, width), picture(4))
    box = (slice(height // 3, height // 2), slice(width // 4, width // 2 + 1))
    camera = Intrinsics(1.0, 1.0, 0.0, 0.0, width, height)
    return frame, Sample(picture(3), picture(4) / 4, picture(3), box, camera)


def total(frame: PortraitFrame, sample: Sample, weights: LossWeights, has_torso: bool):
    """The loss as the parts in torch have it."""
    loss = picture_loss(composite(frame, sample), sample, weights)
    return loss if frame.mattes is None else loss + 0.2 * matte_loss(frame, sample, has_torso)


def value_and_gradients(function, frame: PortraitFrame) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    leaves = {
        name: getattr(frame, name).detach().clone().requires_grad_()
        for name in ("rgb", "alpha", "mattes")
        if getattr(frame, name) is not None
    }
    loss = function(dataclasses.replace(frame, **leaves))
    return loss.detach(), dict(zip(leaves, torch.autograd.grad(3 * loss, list(leaves.values())), strict=True))


@pytest.mark.kernels
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (33, 64), (70, 41)])
@pytest.mark.parametrize(
    ("planar", "has_torso", "mattes"), [(True, True, True), (False, False, True), (True, True, False)]
)
@pytest.mark.parametrize("ssim", [0.2, 0.0])
def test_value_and_gradients_agree_with_double_precision(size, planar, has_torso, mattes, ssim):
    weights = LossWeights(ssim=ssim)
    frame, sample = case(*size, planar=planar)
    exact, exact_sample = case(*size, dtype=torch.float64, planar=planar)
    if not mattes:
        frame.mattes = exact.mattes = None
    got, gradients = value_and_gradients(lambda f: portrait_loss(f, sample, has_torso, weights, 0.2), frame)
    expected, expected_gradients = value_and_gradients(lambda f: total(f, exact_sample, weights, has_torso), exact)
    assert float(got) == pytest.approx(float(expected), rel=1e-5)
    for name, gradient in gradients.items():
        error = (gradient.double() - expected_gradients[name]).norm() / expected_gradients[name].norm()
        assert float(error) < 1e-4, name


def test_the_loss_in_torch_has_the_gradients_of_finite_differences():
    frame, sample = case(6, 5, dtype=torch.float64)

    def loss(rgb: torch.Tensor, alpha: torch.Tensor, mattes: torch.Tensor) -> torch.Tensor:
        return total(PortraitFrame(rgb, alpha, frame.depth, mattes), sample, LossWeights(), True)

    leaves = (frame.rgb, frame.alpha, frame.mattes)
    assert torch.autograd.gradcheck(loss, tuple(leaf.clone().requires_grad_() for leaf in leaves))


@pytest.mark.kernels
def test_a_perfect_portrait_has_no_loss_and_no_pull():
    frame, sample = case(20, 20)
    frame.rgb, frame.alpha, frame.mattes = sample.rgb, torch.ones(20, 20), None
    loss, gradients = value_and_gradients(lambda f: portrait_loss(f, sample, True, LossWeights(), 0.0), frame)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
    assert gradients["rgb"].abs().max() < 1e-6


@pytest.mark.kernels
def test_the_loss_is_the_same_bits_for_any_number_of_threads():
    frame, sample = case(131, 64)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            loss, gradients = value_and_gradients(lambda f: portrait_loss(f, sample, True, LossWeights(), 0.2), frame)
            results.append([loss, *gradients.values()])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
