"""The compiled tri-plane encoding against torch's grid_sample."""

from __future__ import annotations

import pytest
import torch

from backend.kernels import planes
from backend.portrait.planes import TriPlane

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize(("resolutions", "features"), [((4, 7), 4), ((5,), 12), ((3, 1, 6), 3)])
def test_values_and_gradients_agree_with_grid_sample(resolutions, features, monkeypatch):
    torch.manual_seed(0)
    encoder = TriPlane(resolutions, features)
    points = torch.rand(1300, 3) * 3 - 1  # a third of them inside of the box, along each axis
    weight = torch.randn(1300, encoder.width)
    results = []
    for compiled in (True, False):
        if not compiled:
            monkeypatch.setattr(planes, "serves", lambda *_: False)
        out = encoder(points)
        results.append((out.detach(), *torch.autograd.grad((out * weight).sum(), list(encoder.levels))))
    for got, expected in zip(*results, strict=True):
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert results[0][0].abs().max() > 0.1


def test_points_that_are_not_numbers_read_something_finite():
    encoder = TriPlane((8,), 4)
    points = torch.tensor([[float("nan"), 0.5, 0.5], [float("inf"), -float("inf"), 1e38]])
    assert torch.isfinite(encoder(points)).all()


def test_gradients_are_the_same_bits_every_time():
    encoder = TriPlane((16, 24), 4)
    points, weight = torch.rand(5000, 3), torch.randn(5000, encoder.width)
    first, second = (torch.autograd.grad((encoder(points) * weight).sum(), list(encoder.levels)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
