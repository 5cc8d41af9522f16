"""The engines against stored renders of gsplat's CUDA rasteriser, where there are some.

They are not part of the repository. TALKER_GSPLAT_RENDERS names a folder of .safetensors files, each with means, quats
(w, x, y, z), scales (logarithms), opacities (logits), coeffs (harmonics of degree 3) and out_img (red, green, blue,
alpha), seen from (0.123, 0.456, -8) with a focal length of half the width and a centred principal point.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backend.raster.rasterize import rasterize
from shared.camera import Intrinsics

FOLDER = os.environ.get("TALKER_GSPLAT_RENDERS")
CENTRE = (0.123, 0.456, -8.0)
TOLERANCES = {"reference": 2e-6, "native": 1e-5}
"""Mean absolute difference of a pixel. Single precision on both sides, in another order of operations; the reference
engine sums logarithms in double precision, so that most of its difference is gsplat's own."""


if FOLDER is None:
    pytest.skip("TALKER_GSPLAT_RENDERS names no folder of stored renders of gsplat", allow_module_level=True)
RENDERS = sorted(Path(FOLDER).glob("*.safetensors"))


def test_there_are_stored_renders_in_the_folder():
    assert RENDERS


@pytest.mark.parametrize("engine", TOLERANCES)
@pytest.mark.parametrize("path", RENDERS, ids=lambda path: path.stem)
def test_stored_renders_of_gsplat_are_reproduced(path, engine):
    arguments, expected = load_render(path)
    picture = rasterize(**arguments, engine=engine)
    got = torch.cat([picture.features, picture.alpha[..., None]], -1)
    assert (got - expected).abs().mean().item() < TOLERANCES[engine]


def load_render(path: Path) -> tuple[dict, torch.Tensor]:
    """(arguments of `rasterize`, RGBA picture)."""
    stored = {name: tensor.float() for name, tensor in load_file(path).items()}
    expected = stored["out_img"]
    height, width = expected.shape[:2]
    pose = torch.eye(4)
    pose[:3, 3] = -torch.tensor(CENTRE)
    return {
        "means": stored["means"],
        "quaternions": stored["quats"],
        "scales": stored["scales"].exp(),
        "opacities": torch.sigmoid(stored["opacities"].reshape(-1)),
        "features": torch.zeros(len(stored["means"]), 0),
        "harmonics": stored["coeffs"],
        "camera_from_world": pose,
        "intrinsics": Intrinsics(width / 2, width / 2, width / 2, height / 2, width, height),
    }, expected
