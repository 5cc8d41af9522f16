"""Whether the lips follow the voice: correlation of lip opening over frame lags, without the head's motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_LAG = 5
"""Lags are tried up to this many frames either way."""
MIN_FRAMES = 12
"""Fewer frames in common give no figure."""


@dataclass(frozen=True)
class LipFollowing:
    """What `lips_follow` found."""

    lags: np.ndarray
    """(L,) frames by which the rendered lips are late."""
    correlations: np.ndarray
    """(L,) correlation at each lag; NaN where there were too few frames."""

    @property
    def best_lag(self) -> int | None:
        """Lag of the highest correlation, frames; None if there is none."""
        if not np.isfinite(self.correlations).any():
            return None
        return int(self.lags[np.nanargmax(self.correlations)])

    @property
    def at_zero(self) -> float:
        """Correlation at no lag."""
        return float(self.correlations[self.lags == 0][0])


def lips_follow(rendered: np.ndarray, recorded: np.ndarray, static: np.ndarray, max_lag: int = MAX_LAG) -> LipFollowing:
    """Correlate rendered with recorded lip opening, each minus that of a static head at the same poses.

    All (T,), any constant unit, NaN where no face was found. A still mouth scores 0: opening alone would score high by
    the head's turning, which changes how open any mouth looks. Raises ValueError when lengths differ.
    """
    if not len(rendered) == len(recorded) == len(static):
        raise ValueError(f"lengths differ: {len(rendered)}, {len(recorded)}, {len(static)}")
    own, truth = rendered - static, recorded - static
    lags = np.arange(-max_lag, max_lag + 1)
    count = len(own)
    correlations = []
    for lag in lags:
        overlap = max(count - abs(int(lag)), 0)
        late, early = max(int(lag), 0), max(-int(lag), 0)
        correlations.append(_correlation(own[late : late + overlap], truth[early : early + overlap]))
    return LipFollowing(lags, np.array(correlations))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < MIN_FRAMES:
        return float("nan")
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 1e-12 else 0.0
