"""What is random in a training: every draw from a generator of its own, made of the run's seed, the step, and what it
is for. So no generator has a state, and a resumed run draws the same."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Draw(IntEnum):
    """What a draw is for; those of one step do not depend on each other."""

    FRAME = 0
    """Which frame a step sees (sampling)."""
    HEARD = 1
    """How far its curves are moved to those that were heard (driving)."""
    VIEW = 2
    """Which part of the frame it sees (views)."""
    MOVE = 3
    """Which Gaussians are joined (relocation)."""
    BACKDROP = 4
    """What the person stands before (backdrops)."""
    NUMBER = 5
    """Where the parts of a split Gaussian go (densify)."""


def generator(seed: int, step: int, draw: Draw, part: int = 0) -> np.random.Generator:
    """A generator for one draw of a step; `part` tells apart several of one kind."""
    return np.random.default_rng((seed, step, draw, part))
