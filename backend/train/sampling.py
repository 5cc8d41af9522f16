"""Which frame a step sees. Stateless: step and seed alone decide, so a resumed run draws the same frames."""

from __future__ import annotations

import numpy as np

from backend.train.draws import Draw, generator

RARITY_LIMIT = 4.0
"""A rare frame is drawn at most so many times as often as the average one."""


def rarity(values: np.ndarray, bins: int = 12) -> np.ndarray:
    """(T,) weights with mean one that even out the histogram of values (T,): rare ones weigh more, within a limit."""
    low, high = np.percentile(values, [1, 99])
    index = np.clip(((values - low) / max(high - low, 1e-9) * bins).astype(int), 0, bins - 1)
    weight = 1.0 / np.bincount(index, minlength=bins)[index]
    weight = np.minimum(weight / weight.mean(), RARITY_LIMIT)
    return weight / weight.mean()


class FrameSampler:
    """Draws frames by a curriculum over mouth opening and blinks.

    At the start all frames are equally likely. With progress up to `strength` of the draws go to frames whose mouth
    opening or blink is rare: wide open, tightly closed, in the middle of a blink.

    frames (N,): frame indices; opening, blink (N,): their curves.
    """

    def __init__(
        self, frames: np.ndarray, opening: np.ndarray, blink: np.ndarray, seed: int, strength: float = 0.5
    ) -> None:
        if not len(frames):
            raise ValueError("there is no frame to train on")
        self.frames, self.seed, self.strength = np.asarray(frames), seed, strength
        self._rare = 0.5 * (rarity(opening) + rarity(blink))

    def probabilities(self, progress: float) -> np.ndarray:
        """(N,) chance of every frame at `progress` in [0, 1]."""
        weight = 1 + self.strength * min(1.0, 2 * progress) * (self._rare - 1)
        return weight / weight.sum()

    def draw(self, step: int, progress: float) -> int:
        """The frame index of step `step`."""
        rng = generator(self.seed, step, Draw.FRAME)
        edges = np.cumsum(self.probabilities(progress))
        return int(self.frames[min(np.searchsorted(edges, rng.random() * edges[-1]), len(edges) - 1)])
