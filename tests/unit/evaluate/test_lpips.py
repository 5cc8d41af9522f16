"""LPIPS with weights that are made up, against what its authors' program gives for them."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backend.evaluate.lpips import LPIPS_FILE, SHAPES, SMALLEST_PX, Lpips
from shared.errors import InputError


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in SHAPES.items():
        values = rng.standard_normal(shape)
        if name.startswith("lin"):
            values = np.abs(values)
        else:
            values *= 0.1 if name.endswith("bias") else np.sqrt(2 / np.prod(shape[1:]))
        tensors[name] = torch.from_numpy(values.astype(np.float32))
    return tensors


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(1)
    recorded = rng.integers(0, 256, (70, 80, 3)).astype(np.uint8)
    return np.clip(recorded + rng.normal(0, 20, recorded.shape), 0, 255).astype(np.uint8), recorded


def test_the_distance_is_the_one_of_the_authors_program(weights, pictures):
    # lpips 0.1.4 (net="alex", version 0.1) with these weights gave 0.0900659 for these pictures.
    net = Lpips(weights)
    drawn, recorded = (net.features(picture) for picture in pictures)
    assert net.distance(drawn, recorded) == pytest.approx(0.0900659, abs=2e-6)
    assert net.distance(recorded, recorded) == 0.0


def test_a_file_in_the_models_folder_is_found_and_nothing_else_is_needed(tmp_path, weights, pictures):
    assert Lpips.find(tmp_path) is None
    save_file(weights | {"classifier.6.bias": torch.zeros(1000)}, tmp_path / LPIPS_FILE)
    net = Lpips.find(tmp_path)
    assert net is not None
    assert net.distance(*map(net.features, pictures)) > 0


def test_a_file_with_other_content_is_refused_by_name(tmp_path, weights):
    (tmp_path / LPIPS_FILE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        Lpips.find(tmp_path)
    save_file(
        {name: tensor for name, tensor in weights.items() if name != "lin3.model.1.weight"}, tmp_path / LPIPS_FILE
    )
    with pytest.raises(InputError, match="lin3.model.1.weight"):
        Lpips.find(tmp_path)
    save_file(weights | {"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / LPIPS_FILE)
    with pytest.raises(InputError, match="features.0.weight"):
        Lpips.find(tmp_path)


def test_a_picture_too_small_for_the_net_is_refused(weights):
    net = Lpips(weights)
    assert net.features(np.zeros((SMALLEST_PX, SMALLEST_PX, 3), np.uint8))[-1].numel() > 0
    with pytest.raises(ValueError, match="too small"):
        net.features(np.zeros((64, SMALLEST_PX - 1, 3), np.uint8))
