"""Which frames are kept out of training: one of several equal parts of the clip, with a gap around it.

Frames next to each other are nearly the same, and a frame's sound reaches into its neighbours. So frames nearer to the
held-out part than the gap are not learned from either; they are not scored, since they were not meant to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.settings import TrainSettings
from backend.subject.split import Split


@dataclass(frozen=True)
class Holdout:
    """How a clip is split."""

    parts: int = 0
    """Equal parts of the clip, one of which is kept out; 0: nothing is."""
    fold: int | None = None
    """Which of them, from 1; None: the last."""
    gap_s: float = 0.0
    """Seconds before and after it that are not learned from."""

    @classmethod
    def of(cls, settings: TrainSettings) -> Holdout:
        """As the settings of a training say."""
        return cls(settings.holdout, settings.holdout_fold, settings.holdout_gap_s)

    def split(self, times_s: np.ndarray) -> Split:
        """Of a clip whose frames are shown at `times_s` (T,) seconds. Raises ValueError where there is no such part."""
        count = len(times_s)
        if not self.parts:
            return Split(np.arange(count), np.arange(0))
        fold = self.parts if self.fold is None else self.fold
        if not 1 <= fold <= self.parts:
            raise ValueError(f"there is no part {fold} of {self.parts}")
        # Counted from the end: so the last part has the same frames whether or not the parts come out even.
        held_out = np.arange(
            *(count - count * left // self.parts for left in (self.parts - fold + 1, self.parts - fold))
        )
        if not len(held_out):
            return Split(np.arange(count), held_out)
        first_s, last_s = times_s[held_out[0]], times_s[held_out[-1]]
        outside = np.setdiff1d(np.arange(count), held_out)
        away_s = np.maximum(first_s - times_s[outside], times_s[outside] - last_s)
        return Split(outside[away_s > self.gap_s], held_out)


EVERYTHING = Holdout()
"""Nothing is kept out."""
