"""One portrait at any size: what is drawn larger or smaller than it learned is the same picture, without holes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.deliver.keys import model_key
from backend.portrait.frame import PortraitFrame, averaged
from backend.portrait.portrait import Portrait
from backend.portrait.saving import open_portrait, save_portrait
from backend.raster.constants import BLUR_PX2
from backend.settings import PortraitSettings
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.synthetic_subject import SIZE

SHELL = PortraitSettings(
    head_gaussians=4000, torso_gaussians=500, facial_planes=(8,), oral_planes=(8,), torso_planes=(4,), hidden=16
)
THIN_PX = 0.15
"""Standard deviation of the shell's Gaussians: without the filter most of a pixel stays empty."""


@pytest.fixture(scope="module")
def shell(module_subject) -> Portrait:
    """A face of thin opaque Gaussians, as one that learned under a screen filter may be."""
    portrait = start_portrait(TrainingData(module_subject, SIZE, 0), SHELL, seed=1).eval()
    focal_px = portrait.camera["fx"] * SIZE
    with torch.no_grad():
        for part in (portrait.face, portrait.oral, portrait.torso):
            part.log_scales.fill_(float(np.log(THIN_PX * 50.0 / focal_px)))
            part.opacity_logits.fill_(1.0)
    return portrait
