"""Whether the lips move as the recorded ones do: correlation of opening over frame lags, freed of the head's motion.

How open a mouth looks to the landmarker depends on how the head is turned, and on where it is in the picture. That
part is the same in both pictures and would correlate whatever the lips do, so what the head's motion explains is taken
out of each opening first, by regression. Nothing that was measured is subtracted from both, since its noise would
correlate with itself.

Rows of frames are made first and pooled later, so that frames of several models can be pooled, or drawn at random.
"""

from __future__ import annotations

import numpy as np

from backend import rotations

MAX_LAG = 5
"""Lags are tried up to this many frames either way."""
LAGS = np.arange(-MAX_LAG, MAX_LAG + 1)
"""(L,) frames by which the drawn lips may be late."""
MIN_FRAMES = 30
"""Fewer frames in common give no figure: thirteen numbers are fitted to them."""
MOTIONS, TURNS = 6, 3
"""What is known of the head's motion in a frame: three of its turn, and three of its place."""


def lip_rows(drawn: np.ndarray, recorded: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(T, K) what `lip_correlation` needs of each frame.

    drawn, recorded: (T,) openings of consecutive frames in any constant unit, NaN where no face was found and where a
    frame is not scored. motion: (T, 6), see `head_motion`. Raises ValueError when lengths differ.
    """
    if not len(drawn) == len(recorded) == len(motion):
        raise ValueError(f"lengths differ: {len(drawn)}, {len(recorded)}, {len(motion)}")
    own = np.column_stack([drawn, motion])
    truth = np.column_stack([recorded, motion])
    return np.column_stack([own, *(_later(truth, int(lag)) for lag in LAGS)])


def lip_correlation(rows: np.ndarray) -> float:
    """Correlation of the drawn lips with the recorded ones: 1 the same, 0 unrelated or still, below 0 the wrong way.

    rows: (N, K) those of `lip_rows`, of any frames. A drawn face that is missing where there is a recorded one counts
    as lips at rest. NaN with fewer than MIN_FRAMES.
    """
    return _at_lag(rows, 0)


def lip_correlations(rows: np.ndarray) -> np.ndarray:
    """(L,) `lip_correlation` at each of LAGS."""
    return np.array([_at_lag(rows, int(lag)) for lag in LAGS])


def lip_lag(rows: np.ndarray) -> float:
    """Frames by which the drawn lips are late: the lag of the highest correlation; NaN if there is none above 0."""
    found = np.nan_to_num(lip_correlations(rows))
    return float(LAGS[found.argmax()]) if (found > 0).any() else float("nan")


def head_motion(camera_from_head: np.ndarray) -> np.ndarray:
    """(T, 6) how the head is turned from its mean, axis times angle in radians, and where it is from there, cm;
    camera_from_head: (T, 4, 4)."""
    turned = rotations.from_matrix(camera_from_head[:, :3, :3])
    turns = rotations.to_vector(rotations.multiply(turned, rotations.inverse(rotations.mean(turned))))
    places = camera_from_head[:, :3, 3]
    return np.column_stack([turns, places - places.mean(axis=0)])


def unexplained(opening: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(N,) opening less its mean and what the head's motion (N, 6) explains: its turns, their products, and its place,
    or (N, 3) its turns alone; NaN where it was, all NaN with fewer than MIN_FRAMES.

    The products are needed: how open a still mouth looks on a turning head is no straight line, and what a line left of
    it correlated with real lips by -0.3 over 100 frames. So is the place: without it a still head's mouth, in a clip
    whose head moves by centimetres, correlated by -0.16 to -0.4; with it by -0.06.
    """
    known = np.isfinite(opening) & np.isfinite(motion).all(axis=1)
    if known.sum() < MIN_FRAMES:
        return np.full(len(opening), np.nan)
    x, y, z = motion[:, :TURNS].T
    causes = np.column_stack([np.ones(len(motion)), motion, x * x, y * y, z * z, x * y, y * z, z * x])
    return opening - causes @ np.linalg.lstsq(causes[known], opening[known], rcond=None)[0]


def unexplained_drawn(drawn: np.ndarray, motion: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`unexplained` of drawn lips, at rest (0) in the frames `wanted` (N,) bool where no face was found."""
    lips = unexplained(drawn, motion)
    lips[wanted & ~np.isfinite(lips)] = 0.0
    return lips


def correlations(lips: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K,) correlation of lips (N,) with each of others (N, K), over the frames in which all are known: 0 where one
    stands still, NaN with fewer than MIN_FRAMES."""
    known = np.isfinite(lips) & np.isfinite(others).all(axis=1)
    if known.sum() < MIN_FRAMES:
        return np.full(others.shape[1], np.nan)
    a, b = lips[known] - lips[known].mean(), others[known] - others[known].mean(axis=0)
    norms = np.linalg.norm(a) * np.linalg.norm(b, axis=0)
    return np.divide(a @ b, norms, out=np.zeros(len(norms)), where=norms > 1e-12)


def _at_lag(rows: np.ndarray, lag: int) -> float:
    """Correlation of the drawn lips with the recorded ones of `lag` frames before."""
    own, at_once, truth = (_opening_and_motion(rows, which) for which in (0, 1 + MAX_LAG, 1 + MAX_LAG + lag))
    # At a lag the recorded lips may be known in a frame that is not scored: what counts is the drawn lips' own frame.
    drawn, recorded = unexplained_drawn(*own, np.isfinite(at_once[0])), unexplained(*truth)
    return float(correlations(drawn, recorded[:, None])[0])


def _opening_and_motion(rows: np.ndarray, which: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,) and (N, 6) of the drawn lips (0), or of the recorded ones at one of LAGS (from 1)."""
    first = which * (1 + MOTIONS)
    return rows[:, first], rows[:, first + 1 : first + 1 + MOTIONS]


def _later(values: np.ndarray, frames: int) -> np.ndarray:
    """(T, K) values of so many frames before each frame; NaN beyond the ends."""
    moved = np.full(values.shape, np.nan)
    count = max(len(values) - abs(frames), 0)
    late, early = max(frames, 0), max(-frames, 0)
    moved[late : late + count] = values[early : early + count]
    return moved
