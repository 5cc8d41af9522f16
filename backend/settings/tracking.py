"""Settings of a subject's self-tracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from backend.settings.kinds import Count, Engine, Positive, Whole
from backend.settings.train import LARGEST_PX
from shared.checked import Limits


@dataclass(frozen=True)
class SelfTrackingSettings:
    """How head poses are refined by a head that was trained for it."""

    size: Annotated[int, Limits(64, LARGEST_PX)] = 256
    """Width and height of the pictures that are compared, px."""
    steps: Count = 1200
    """Training steps of that head before the poses are refined for the first time."""
    more_steps: Count = 400
    """Training steps between the rounds that follow."""
    rounds: Count = 3
    """How often poses are refined; between two rounds the head is trained on."""
    iterations: Count = 1
    """Gauss-Newton steps of a round."""
    frames: Count = 600
    """Frames, evenly spread, that are refined in every round; the last one refines all."""
    blur_px: Positive = 1.0
    """Standard deviation of the blur that makes slopes reliable, px."""
    noise_floor: Positive = 0.01
    """Difference of the pictures that is noise, at least; the range of values is 1."""
    huber: Positive = 1.5
    """Differences beyond this many times the noise count linearly."""
    independent_pixels: Positive = 100.0
    """Neighbouring pixels err alike: a frame counts as at most this many independent ones."""
    again: bool = False
    """Whether poses that are refined already are refined anew: models that learned under them will not fit."""
    seed: int = 0
    """Seed of everything random."""
    engine: Engine = "native"
    """Rasteriser: one of ENGINES."""
    threads: Whole = 0
    """Threads; 0: all cores."""
