"""Every score of `talker evaluate`, one entry each: how it is measured frame by frame, and how frames are pooled.

A score of single frames needs `of_frame`, one that looks at the whole track of a face `of_track`. Both give a value, or
a row of values, for every frame; `pool` makes the score out of the rows of any frames. So every score can be computed
over several models, and over frames that are drawn at random (evaluate.bootstrap).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np

from backend.evaluate import closure, face_scores, metrics
from backend.evaluate.action_units import LOWER_UNITS, UPPER_UNITS
from backend.evaluate.clip import Clip
from backend.evaluate.faces import FaceTrack
from backend.evaluate.lip_sync import TURNS, lip_correlation, lip_lag, lip_rows
from backend.evaluate.nets import Nets
from backend.evaluate.perceptual import Difference, Structure, difference, perceptual, structure
from backend.evaluate.recorded import RecordedFrame
from backend.evaluate.voice_sync import voice_rows, voice_sync


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
    nets: Nets = field(default_factory=Nets)

    @cached_property
    def error(self) -> np.ndarray:
        """(S, S) squared error."""
        return metrics.squared_error(self.picture, self.recorded.picture)

    @cached_property
    def change_error(self) -> np.ndarray | None:
        """(S, S) squared error of what changed since the frame before; None without one."""
        if self.before is None:
            return None
        then = self.before
        return metrics.squared_change_error(self.picture, then.picture, self.recorded.picture, then.recorded.picture)

    @cached_property
    def structure(self) -> Structure:
        """What the perceptual distance compares."""
        return structure(self.picture)

    @cached_property
    def difference(self) -> Difference:
        """What the perceptual distance sums up."""
        return difference(self.structure, self.recorded.structure)


@dataclass(frozen=True)
class Seen:
    """The faces in T consecutive frames; NaN where there was none, or the frame is not scored."""

    drawn: FaceTrack
    recorded: FaceTrack
    clip: Clip


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


Region = Callable[[RecordedFrame], np.ndarray]


def _psnr(region: Region) -> Callable[[Shot], float]:
    return lambda s: metrics.decibels(s.error, region(s.recorded))


def _temporal_psnr(region: Region) -> Callable[[Shot], float]:
    def of_frame(shot: Shot) -> float:
        return float("nan") if shot.change_error is None else metrics.decibels(shot.change_error, region(shot.recorded))

    return of_frame


def _perceptual(region: Region) -> Callable[[Shot], float]:
    return lambda s: perceptual(s.difference, region(s.recorded))


def _faces(measure: Callable[[FaceTrack, FaceTrack], np.ndarray]) -> Callable[[Seen], np.ndarray]:
    return lambda seen: measure(seen.drawn, seen.recorded)


def _action_units(units: dict[str, tuple[str, ...]]) -> Callable[[Seen], np.ndarray]:
    return lambda seen: face_scores.action_unit_errors(seen.drawn, seen.recorded, units)


def _lips(seen: Seen) -> np.ndarray:
    return lip_rows(seen.drawn.opening, seen.recorded.opening, seen.clip.motion)


def _voice(seen: Seen) -> np.ndarray:
    clip = seen.clip
    return voice_rows(seen.drawn.opening, seen.recorded.opening, clip.motion[:, :TURNS], clip.features, clip.times_s)


def _closing(seen: Seen) -> np.ndarray:
    clip = seen.clip
    return closure.closure_rows(clip.phones, clip.times_s, seen.drawn.opening, seen.recorded.opening)


def _is_copy(shot: Shot) -> float:
    head = shot.recorded.head > 0
    return float(head.any() and np.array_equal(shot.picture[head], shot.recorded.picture[head]))


_H, _L = Better.HIGHER, Better.LOWER
SCORES: tuple[Score, ...] = (
    Score("psnr", _H, 2, lambda s: metrics.decibels(s.error)),
    Score("psnr_head", _H, 2, _psnr(lambda r: r.head)),
    Score("psnr_mouth", _H, 2, _psnr(lambda r: r.mouth)),
    Score("psnr_face", _H, 2, _psnr(lambda r: r.face)),
    Score("psnr_hair", _H, 2, _psnr(lambda r: r.hair)),
    Score("psnr_edge", _H, 2, _psnr(lambda r: r.edge)),
    Score("temporal_psnr_head", _H, 2, _temporal_psnr(lambda r: r.head)),
    Score("temporal_psnr_mouth", _H, 2, _temporal_psnr(lambda r: r.mouth)),
    Score("ssim", _H, 4, lambda s: metrics.ssim(metrics.statistics(s.picture), s.recorded.statistics)),
    Score("gmsd", _L, 4, lambda s: metrics.gmsd(s.picture, s.recorded.picture, s.recorded.head)),
    Score("perceptual", _L, 4, _perceptual(lambda r: r.head)),
    Score("perceptual_mouth", _L, 4, _perceptual(lambda r: r.mouth)),
    Score("lpips", _L, 4, lambda s: s.nets.lpips(s.picture, s.recorded)),
    Score("identity", _L, 3, lambda s: s.nets.identity(s.picture, s.recorded)),
    Score("seam", _L, 3, lambda s: metrics.seam(s.picture, s.recorded.picture, s.recorded.neck)),
    Score("faces", _H, 3, of_track=_faces(face_scores.faces_found)),
    Score("lmd", _L, 3, of_track=_faces(face_scores.lip_distances)),
    Score("lmd_shape", _L, 3, of_track=_faces(face_scores.lip_shape_distances)),
    Score("expression_error", _L, 4, of_track=_faces(face_scores.expression_errors)),
    Score("aue_upper", _L, 4, of_track=_action_units(UPPER_UNITS)),
    Score("aue_lower", _L, 4, of_track=_action_units(LOWER_UNITS)),
    Score("jitter", _L, 3, of_track=_faces(face_scores.shaking), pool=root_mean),
    Score("closure", Better.NEAR_ONE, 2, of_track=_closing, pool=closure.closure),
    Score("closures", _H, 0, rows_of="closure", pool=closure.closure_count, compared=False),
    Score("lip_correlation", _H, 3, of_track=_lips, pool=lip_correlation),
    Score("lip_lag", Better.NEAR_ZERO, 0, rows_of="lip_correlation", pool=lip_lag, compared=False),
    Score("voice_sync", _H, 3, of_track=_voice, pool=lambda rows: voice_sync(rows)[0]),
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
