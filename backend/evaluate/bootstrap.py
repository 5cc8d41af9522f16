"""How sure a score is, and a difference of two: a block bootstrap over frames.

Neighbouring frames are much alike, so single frames drawn at random would make every interval far too narrow. What is
drawn with replacement are blocks of frames (Künsch 1989, "The Jackknife and the Bootstrap for General Stationary
Observations"), the same for both models (paired). Frames of one fold also share a training: where there are enough
folds, whole folds are drawn. Few blocks make a percentile interval too narrow still; it is widened as Student's t is
wider than the normal distribution (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from backend.evaluate.scores import mean

BLOCK_S = 0.5
"""Least length of a block, seconds."""
ENOUGH_FOLDS = 8
"""From so many folds on, whole folds are drawn."""
MIN_BLOCKS = 6
"""With fewer there is no interval: what draws of so few can give does not reach to 95 %."""
DRAWS = 2000
CONFIDENCE = 0.95
_KNOWN_SHARE = 0.8
"""Share of the draws that must give a figure (a draw may miss all closures)."""

Pool = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; None where there are too few frames for one."""

    value: float
    """NaN where there is none."""
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high end. Raises ValueError where there is no interval."""
        if self.low is None or self.high is None:
            raise ValueError("there is no interval")
        return self.low, self.high

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is distinct from none."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def blocks_of(folds: Sequence[np.ndarray], fps: float) -> list[np.ndarray]:
    """Frames in the blocks that are drawn, as indices into all folds' frames one after the other.

    folds: (T,) ascending frame numbers of each fold. With ENOUGH_FOLDS a fold is a block; with fewer, each is cut into
    equal blocks of at least BLOCK_S seconds (one, where it is shorter). Frames that lie further apart than a block is
    long, because others are missing between them, still count as neighbours.
    """
    starts = np.cumsum([0, *(len(fold) for fold in folds)])
    if len(folds) >= ENOUGH_FOLDS:
        return [np.arange(start, end) for start, end in zip(starts[:-1], starts[1:], strict=True)]
    least = max(1, int(np.ceil(BLOCK_S * fps)))
    return [
        start + block
        for start, fold in zip(starts[:-1], folds, strict=True)
        for block in np.array_split(np.arange(len(fold)), max(1, len(fold) // least))
        if len(block)
    ]


@dataclass(frozen=True)
class Drawn:
    """A score of all frames, and of each draw of blocks. Two of the same number of blocks are drawn alike."""

    value: float
    """NaN where there is none."""
    draws: np.ndarray
    """(DRAWS,), NaN where a draw gives none."""
    blocks: int

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], pool: Pool, seed: int = 0) -> Drawn:
        """rows: of each block, (n, ...); pool: rows of any frames to the score."""
        count = len(rows)
        if count < MIN_BLOCKS:
            value = pool(np.concatenate(rows)) if count else float("nan")
            return cls(value, np.full(DRAWS, np.nan), count)
        chosen = np.random.default_rng(seed).integers(0, count, (DRAWS, count))
        if pool is mean:
            known = [block[np.isfinite(block)] for block in rows]
            sums, sizes = np.array([block.sum() for block in known]), np.array([len(block) for block in known])
            with np.errstate(invalid="ignore"):
                draws = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
        else:
            draws = np.array([pool(np.concatenate([rows[block] for block in blocks])) for blocks in chosen])
        return cls(pool(np.concatenate(rows)), draws, count)

    def interval(self) -> Interval:
        """The score with its interval."""
        known = self.draws[np.isfinite(self.draws)]
        if not np.isfinite(self.value) or len(known) < _KNOWN_SHARE * len(self.draws):
            return Interval(self.value)
        tail = (1.0 - CONFIDENCE) / 2.0
        wider = float(t.isf(tail, self.blocks - 1) * np.sqrt(self.blocks / (self.blocks - 1)))
        low, high = np.quantile(known, [norm.cdf(-wider), norm.cdf(wider)])
        return Interval(self.value, float(low), float(high))

    def less(self, reference: Drawn) -> Interval:
        """The difference to another one's score, with its interval. Raises ValueError where that has other blocks."""
        if self.blocks != reference.blocks:
            raise ValueError(f"{reference.blocks} blocks beside {self.blocks}")
        return Drawn(self.value - reference.value, self.draws - reference.draws, self.blocks).interval()
