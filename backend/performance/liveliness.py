"""Life of a line for which no motion was recorded: moves of the clip that fit its phrases, and accents on its stress.

At a cut between parts (performance.parts) one piece of the clip passes into the next within a second and a half. Motion
begins and ends at rest, so that lines can follow each other and be looped, and stays in the range that was filmed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.performance import blinks, gaze
from backend.performance.curves import UPPER_CURVES
from backend.performance.idle import blink_curve
from backend.performance.manner import FACE, Manner
from backend.performance.parts import BLEND_AFTER_S, BLEND_BEFORE_S, Part
from backend.performance.spline import Spline
from backend.performance.stress import RATE_HZ, Stress, sampled, smooth

_QUIET_SHARE, _QUIET_S = 0.45, 0.5
"""Share of the motion that stays in silence, and the deviation of the window over which it passes."""
_EASE_S = 0.8
"""Within this motion begins and ends."""


@dataclass(frozen=True)
class Life:
    """N frames of life."""

    head: np.ndarray
    """(N, 6) pose vectors about the manner's reference."""
    body: np.ndarray
    """(N, K)"""
    face: np.ndarray
    """(N, 24) upper curves in [0, 1], gaze straight ahead of the eyes' aim and lids open."""


def life_of(
    manner: Manner, stress: Stress, parts: list[Part], times_s: np.ndarray, head: float = 1.0, face: float = 1.0
) -> Life:
    """Motion of a line at `times_s` (N,), from 0 on.

    head: strength of the motion of head and body, face: of brows, cheeks and squinting; 0 rests, 1 moves as the clip
    does, and more goes nearer to the ends of its range, never beyond.
    """
    times_s = np.asarray(times_s, np.float64)
    moved = _pieces(manner, parts, times_s) - manner.rest
    presence = _QUIET_SHARE + (1 - _QUIET_SHARE) * smooth(stress.speaking(), _QUIET_S * RATE_HZ)
    moved = moved * sampled(presence[:, None], times_s) + manner.accents(stress, times_s)
    strength = np.full(len(manner.rest), head)
    strength[manner.face] = face
    moved = manner.rest + _limited(moved * _ease(times_s)[:, None] * strength, manner)
    upper = np.zeros((len(times_s), len(UPPER_CURVES)))
    upper[:, FACE] = moved[:, manner.face]
    return Life(moved[:, :6], moved[:, manner.body], upper)


def with_eyes(
    manner: Manner, stress: Stress, parts: list[Part], times_s: np.ndarray, face: np.ndarray, turns: np.ndarray,
    strength: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """(N, 24) float32 upper curves: `face` (N, 24) with gaze and blinks.

    turns: (N, 3) the head's turns about the manner's reference, radians, against which the eyes turn to keep to their
    aim; strength: of gaze alone, since half a blink is none.
    """
    times_s = np.asarray(times_s, np.float64)
    end_s = float(times_s[-1])
    jumps, moments = eye_events(manner, stress, parts, end_s)
    looking = manner.gaze.shown(gaze.offsets_at(jumps, times_s), turns, strength)
    closure = blink_curve(times_s, np.array(moments)).astype(np.float64)[:, None]
    upper = face + looking + closure * manner.blinking.shape
    return np.clip(upper, manner.blinking.low, manner.blinking.high).astype(np.float32)


def eye_events(
    manner: Manner, stress: Stress, parts: list[Part], end_s: float
) -> tuple[list[tuple[float, np.ndarray]], list[float]]:
    """Jumps of the eyes, (seconds, (2,) beside their aim), and beginnings of blinks, seconds."""
    jumps: list[tuple[float, np.ndarray]] = []
    moments: list[float] = []
    ends = [end for _, end in stress.phrases]
    for number, part in enumerate(parts):
        until = parts[number + 1].start_s if number + 1 < len(parts) else end_s
        draw = np.random.default_rng(part.chance)
        own = blinks.drawn_blinks(draw, part.start_s, until, manner.blinking.rate_hz)
        own = blinks.drawn_to_ends(draw, own, [end for end in ends if part.start_s <= end < until])
        found = gaze.fixations(draw, manner.gaze, part.start_s, until)
        found, own = gaze.with_blinks(draw, found, own, manner.gaze.large)
        jumps += found
        moments += own
    return jumps, blinks.spaced(moments, end_s)


def _pieces(manner: Manner, parts: list[Part], times_s: np.ndarray) -> np.ndarray:
    """(N, D) the clip's motion as the parts show it, each passing into the next."""
    if not manner.seconds:
        return np.repeat(manner.rest[None], len(times_s), axis=0)
    out = np.zeros((len(times_s), len(manner.rest)))
    rise = np.ones(len(times_s))
    motion = Spline(manner.motion)
    for number, part in enumerate(parts):
        fall = _rise(times_s, parts[number + 1].start_s) if number + 1 < len(parts) else np.zeros(len(times_s))
        weight, rise = rise - fall, fall
        shown = np.flatnonzero(weight > 0)
        places = np.clip((part.source_s + times_s[shown] - part.start_s) * manner.fps, 0, len(manner.motion) - 1)
        out[shown] += weight[shown, None] * motion.at(places)
    return out


def _rise(times_s: np.ndarray, start_s: float) -> np.ndarray:
    """0 before a part's beginning, 1 after, twice continuously differentiable."""
    return _quintic((times_s - start_s + BLEND_BEFORE_S) / (BLEND_BEFORE_S + BLEND_AFTER_S))


def _ease(times_s: np.ndarray) -> np.ndarray:
    """0 at a line's first and last frame, 1 inside; the less the shorter the line, where it is too short for both."""
    end = float(times_s[-1])
    share = min(1.0, end / (2 * _EASE_S))
    length = max(share * _EASE_S, 1e-6)
    return share * share * _quintic(times_s / length) * _quintic((end - times_s) / length)


def _quintic(s: np.ndarray) -> np.ndarray:
    s = np.clip(s, 0.0, 1.0)
    return s * s * s * (10 - s * (15 - 6 * s))


def _limited(moved: np.ndarray, manner: Manner) -> np.ndarray:
    """Motion about the rest (N, D) within the clip's range: much as it is inside, ever slower towards the ends."""
    room = np.where(moved > 0, manner.high - manner.rest, manner.rest - manner.low)
    share = moved / np.maximum(room, 1e-12)
    square = share * share
    return np.where(room > 1e-9, moved / np.sqrt(np.sqrt(1 + square * square)), 0.0)
