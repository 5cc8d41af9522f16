"""LPIPS (Zhang et al. 2018, version 0.1 on AlexNet), for those who have its weights: they cannot be shipped here.

The file is looked for under the name LPIPS_FILE in the models folder. It holds torchvision's AlexNet under its own
names (features.0, .3, .6, .8 and .10, each `.weight` and `.bias`) and the package lpips' five linear layers under
theirs (lin0.model.1.weight to lin4.model.1.weight); docs/evaluation.md has the lines that write it. Its content cannot
be checked beyond names and shapes, so the score is only as right as the file.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from backend.model_files import find_optional_model
from shared.errors import InputError

LPIPS_FILE = "lpips_alex.safetensors"
SHAPES: dict[str, tuple[int, ...]] = {
    "features.0.weight": (64, 3, 11, 11),
    "features.3.weight": (192, 64, 5, 5),
    "features.6.weight": (384, 192, 3, 3),
    "features.8.weight": (256, 384, 3, 3),
    "features.10.weight": (256, 256, 3, 3),
    "features.0.bias": (64,),
    "features.3.bias": (192,),
    "features.6.bias": (384,),
    "features.8.bias": (256,),
    "features.10.bias": (256,),
    "lin0.model.1.weight": (1, 64, 1, 1),
    "lin1.model.1.weight": (1, 192, 1, 1),
    "lin2.model.1.weight": (1, 384, 1, 1),
    "lin3.model.1.weight": (1, 256, 1, 1),
    "lin4.model.1.weight": (1, 256, 1, 1),
}
"""Tensors that the file must have; others in it are passed over."""
SMALLEST_PX = 31
"""A smaller side leaves the last layer without a pixel."""
_LAYERS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Number, stride and padding of AlexNet's convolutions."""
_MEAN, _DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of ImageNet's colours in [-1, 1]."""


class Lpips:
    """The net with its weights."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self._weights = weights

    @classmethod
    def find(cls, models_dir: str | os.PathLike | None = None) -> Lpips | None:
        """The net from LPIPS_FILE in the models folders; None where there is no such file. Raises InputError for a
        file that does not hold what it should."""
        path = find_optional_model(LPIPS_FILE, models_dir)
        return None if path is None else cls.load(path)

    @classmethod
    def load(cls, path: Path) -> Lpips:
        """Read the weights. Raises InputError that says what is wrong with the file."""
        mend = "Write it again as docs/evaluation.md says, or remove it: LPIPS is left out then."
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read ({error}).", mend) from error
        for name, shape in SHAPES.items():
            found = tuple(tensors[name].shape) if name in tensors else None
            if found != shape:
                raise InputError(f"{path}: {name} should have the shape {shape}, not {found}.", mend)
        return cls({name: tensors[name].float() for name in SHAPES})

    @torch.inference_mode()
    def features(self, picture: np.ndarray) -> list[Tensor]:
        """The five layers' outputs for (H, W, 3) uint8 RGB, (1, C, h, w) each, of length 1 in every pixel.

        Raises ValueError for a picture with a side under SMALLEST_PX.
        """
        if min(picture.shape[:2]) < SMALLEST_PX:
            raise ValueError(f"a picture of {picture.shape[:2]} is too small for LPIPS: {SMALLEST_PX} px at least")
        values = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1.0
        values = (values - torch.tensor(_MEAN)[None, :, None, None]) / torch.tensor(_DEVIATION)[None, :, None, None]
        outputs = []
        for number, stride, padding in _LAYERS:
            if number in (3, 6):
                values = max_pool2d(values, 3, 2)
            weight, bias = (self._weights[f"features.{number}.{kind}"] for kind in ("weight", "bias"))
            values = relu(conv2d(values, weight, bias, stride, padding))
            outputs.append(values / (values.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return outputs

    @torch.inference_mode()
    def distance(self, picture: list[Tensor], recorded: list[Tensor]) -> float:
        """LPIPS of two pictures' `features`, mean over the whole picture; 0 is the same."""
        total = 0.0
        for layer, (a, b) in enumerate(zip(picture, recorded, strict=True)):
            total += float(conv2d((a - b).square(), self._weights[f"lin{layer}.model.1.weight"]).mean())
        return total
