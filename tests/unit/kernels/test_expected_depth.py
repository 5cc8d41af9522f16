"""Premultiplied depth to expected depth, by the compiled kernel and in torch."""

from __future__ import annotations

import pytest
import torch

from backend.kernels import library
from backend.kernels.depth import expect_depth


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=pytest.mark.kernels), False])
@pytest.mark.parametrize("size", [(0, 5), (1, 1), (7, 9), (301, 260)])
def test_depth_is_divided_by_alpha_where_something_is_seen_and_empty_elsewhere(compiled, size, monkeypatch):
    if not compiled:
        monkeypatch.setattr(library, "load", lambda: None)
    alpha = torch.rand(size).clamp_min(0.01)
    alpha[alpha < 0.3] = 0.0
    depth = torch.rand(size) + 40
    expected = torch.where(alpha > 0, depth / alpha, torch.full_like(depth, 1e12))
    assert torch.equal(expect_depth(alpha, depth, 0.1, 1e12), expected)
