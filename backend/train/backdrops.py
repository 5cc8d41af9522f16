"""The person before other backgrounds than the one that was recorded.

A portrait that only ever sees one plate may paint what the plate lacks, and leave out of itself what looks like it: a
collar becomes glass, and wisps stand beside the jaw. Before colours that change it has to be as opaque as the region
maps say, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backend.train.data import Sample
from backend.train.draws import Draw, generator

COLOURS = 256
_TABLE = 1
"""Tells the draw of the colours from those of the steps."""


class Backdrops:
    """Puts the person before a random colour in some of the steps. Stateless: step and seed alone decide."""

    def __init__(self, share: float, seed: int, device: torch.device | str = "cpu") -> None:
        """share: of the steps, in [0, 1]; device: of the samples."""
        self._share, self._seed = share, seed
        colours = generator(seed, 0, Draw.BACKDROP, _TABLE).random((COLOURS, 3), np.float32)
        self._colours = torch.from_numpy(colours).to(device)

    def of(self, sample: Sample, step: int) -> Sample:
        """The sample as step `step` sees it."""
        chance, colour = generator(self._seed, step, Draw.BACKDROP).random(2)
        return sample if chance >= self._share else before(sample, self._colours[int(colour * COLOURS)])


def before(sample: Sample, colour: Tensor) -> Sample:
    """The sample as if the person had stood before one colour (3,), cut out by the region map's mattes."""
    person = sample.regions.sum(dim=-1, keepdim=True).clamp(0, 1)
    own = torch.minimum((sample.rgb - (1 - person) * sample.background).clamp_min(0), person)
    background = colour.expand_as(sample.rgb).contiguous()
    return replace(sample, rgb=own + (1 - person) * background, background=background)
