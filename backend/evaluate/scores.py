"""Every score of `talker evaluate`, one entry each: how it is measured frame by frame, and how frames are pooled.

A score of single frames needs `of_frame`, one that looks at the whole track of a face `of_track`. Both give a value, or
a row of values, for every frame; `pool` makes the score out of the rows of any frames. So every score can be computed
over several models, and over frames that are drawn at random (evaluate.bootstrap).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backend.evaluate import closure, metrics
from backend.evaluate.faces import FaceTrack, expression_error, lip_distance, shake
from backend.evaluate.lip_sync import lips_follow
from backend.evaluate.recorded import RecordedFrame


class Better(StrEnum):
    """Which values of a score are good ones."""

    HIGHER = "higher"
    LOWER = "lower"
    NEAR_ONE = "near 1"
    NEAR_ZERO = "near 0"


@dataclass(frozen=True)
class Shot:
    """A drawn frame beside the recorded one."""

    picture: np.ndarray
    """(S, S, 3) uint8 RGB."""
    recorded: RecordedFrame
    before: Shot | None = None
    """The frame before this one in the clip, where that is scored too."""


@dataclass(frozen=True)
class Seen:
    """The faces in T consecutive frames; NaN where there was none, or the frame is not scored."""

    drawn: FaceTrack
    recorded: FaceTrack
    static: FaceTrack
    """Of the same model with its performance held at its mean."""
    times_s: np.ndarray
    """(T,) on the clock of the phones, seconds."""
    phones: Sequence[closure.Phone]


def mean(rows: np.ndarray) -> float:
    """Mean of rows (N,); those that are NaN do not count, and without any other it is NaN."""
    known = rows[np.isfinite(rows)]
    return float(known.mean()) if len(known) else float("nan")


def root_mean(rows: np.ndarray) -> float:
    """Square root of the mean."""
    return float(np.sqrt(mean(rows)))


def total(rows: np.ndarray) -> float:
    """Sum of rows (N,); those that are NaN do not count."""
    return float(np.nansum(rows))


@dataclass(frozen=True)
class Score:
    """One score."""

    name: str
    better: Better
    digits: int
    """After the point, where it is printed."""
    of_frame: Callable[[Shot], float] | None = None
    """A value for one frame."""
    of_track: Callable[[Seen], np.ndarray] | None = None
    """(T,) or (T, K): a value, or a row of them, for each frame."""
    rows_of: str | None = None
    """The score whose rows this one pools; None: its own."""
    pool: Callable[[np.ndarray], float] = mean
    """The score of the rows of some frames, in any order; NaN where they give none."""
    compared: bool = True
    """Whether it is printed, and compared between models."""

    @property
    def rows(self) -> str:
        """Under which name its rows are kept."""
        return self.rows_of or self.name

    def text(self, value: float | None) -> str:
        """As it is printed."""
        return "–" if value is None else f"{value:.{self.digits}f}"


def _openings(seen: Seen) -> np.ndarray:
    """(T, 3) opening of the lips: drawn, recorded, static."""
    return np.stack([seen.drawn.opening, seen.recorded.opening, seen.static.opening], axis=1)


def _following(openings: np.ndarray) -> float:
    drawn, recorded, static = openings.T
    return lips_follow(drawn, recorded, static, max_lag=0).at_zero


def _lag(openings: np.ndarray) -> float:
    lag = lips_follow(*openings.T).best_lag
    return float("nan") if lag is None else float(lag)


def _found(seen: Seen) -> np.ndarray:
    """(T,) 1 where the drawn frame shows a face, 0 where it does not and the recorded one does."""
    return np.where(seen.recorded.found, seen.drawn.found.astype(float), np.nan)


def _is_copy(shot: Shot) -> float:
    head = shot.recorded.head > 0
    return float(head.any() and np.array_equal(shot.picture[head], shot.recorded.picture[head]))


def _closing(seen: Seen) -> np.ndarray:
    return closure.openings_at_phones(seen.phones, seen.times_s, seen.drawn.opening, seen.recorded.opening)


_H, _L = Better.HIGHER, Better.LOWER
SCORES: tuple[Score, ...] = (
    Score("psnr", _H, 2, lambda s: metrics.psnr(s.picture, s.recorded.picture)),
    Score("psnr_head", _H, 2, lambda s: metrics.psnr(s.picture, s.recorded.picture, s.recorded.head)),
    Score("psnr_mouth", _H, 2, lambda s: metrics.psnr(s.picture, s.recorded.picture, s.recorded.mouth)),
    Score("ssim", _H, 4, lambda s: metrics.ssim(s.picture, s.recorded.picture)),
    Score("gmsd", _L, 4, lambda s: metrics.gmsd(s.picture, s.recorded.picture, s.recorded.head)),
    Score("seam", _L, 3, lambda s: metrics.seam(s.picture, s.recorded.picture, s.recorded.regions)),
    Score("lmd", _L, 3, of_track=lambda seen: lip_distance(seen.drawn, seen.recorded, centred=False)),
    Score("lmd_shape", _L, 3, of_track=lambda seen: lip_distance(seen.drawn, seen.recorded, centred=True)),
    Score("expression_error", _L, 4, of_track=lambda seen: expression_error(seen.drawn, seen.recorded)),
    Score("jitter", _L, 3, of_track=lambda seen: shake(seen.drawn, seen.recorded), pool=root_mean),
    Score("closure", Better.NEAR_ONE, 2, of_track=_closing, pool=closure.contrast),
    Score("closures", _H, 0, rows_of="closure", pool=closure.count, compared=False),
    Score("lip_correlation", _H, 3, of_track=_openings, pool=_following),
    Score("lip_lag", Better.NEAR_ZERO, 0, rows_of="lip_correlation", pool=_lag, compared=False),
    Score("faces", _H, 3, of_track=_found),
    Score("frames_with_face", _H, 0, rows_of="faces", pool=total, compared=False),
    Score("copies", _L, 0, _is_copy, pool=total, compared=False),
)
"""In the order in which they are shown. What each means is in docs/evaluation.md."""


def pooled(rows: Mapping[str, np.ndarray]) -> dict[str, float | int | None]:
    """Every score of the rows of some frames, by the names under which rows are kept; None where there is none."""
    return {score.name: _plain(score, score.pool(rows[score.rows])) for score in SCORES}


def _plain(score: Score, value: float) -> float | int | None:
    """A figure for JSON."""
    if not math.isfinite(value):
        return None
    return round(value) if score.digits == 0 else round(value, 4)
