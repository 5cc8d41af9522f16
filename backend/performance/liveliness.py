"""Life of a line for which no motion was recorded: moves of the clip that fit its phrases, and accents on its stress.

A line is cut where its phrases begin. Every part shows a piece of the clip's own motion, from a moment whose sound is
most like the part's; at a cut one piece passes into the next within a second and a half. What is chosen for a part
depends on its sound, the part before and the seed alone: the rest of the line may be cut off or edited. Motion begins
and ends at rest, so that lines can follow each other and be looped, and stays in the range that was filmed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from backend.performance import blinks, gaze
from backend.performance.curves import UPPER_CURVES
from backend.performance.idle import blink_curve
from backend.performance.manner import FACE, Manner
from backend.performance.spline import spline
from backend.performance.stress import RATE_HZ, SYLLABLE_S, Stress, sampled, smooth

_BLEND_BEFORE_S, _BLEND_AFTER_S = 0.9, 0.6
"""Around a phrase's beginning one piece passes into the next: mostly in the pause before."""
_SHORTEST_S, _BEST_S, _LONGEST_S = 1.6, 3.2, 4.5
"""Lengths of a part: at least, best within a long phrase, and at most."""
_MOST_OF_CLIP = 0.5
"""A part shows no more of the clip than this: else it would always be the same piece."""
_LONG_PAUSE_S = 0.4
"""After such a pause a part begins."""
_OFF_BEST = 0.15
"""What a part's end that is a second off the best length costs, in loudness."""
_ALIKE_S = (-0.4, 2.4)
"""From where to where, about a part's beginning, its sound is compared."""
_STEP_S = 0.1
_AGAIN_S = 1.5
"""Two parts in a row do not begin so near to each other in the clip, where the clip is long enough."""
_STEEPEST = 1.875
"""Steepest slope of the quintic by which one piece passes into the next."""
_PASSING = 0.5
"""Share of the clip's highest speed that passing over may have: the pieces move as well."""
_OFFENCE = 10.0
"""What an offence costs, in squared loudness."""
_SEED_WEIGHT = 0.5
"""How much chance adds to what a moment of the clip costs."""
_LOUDNESS_STEP = 0.25
"""Sounds that differ by less are the same."""
_QUIET_SHARE, _QUIET_S = 0.45, 0.5
"""Share of the motion that stays in silence, and the deviation of the window over which it passes."""
_EASE_S = 0.8
"""Within this motion begins and ends."""


@dataclass(frozen=True)
class Part:
    """A part of a line, and the piece of the clip that it shows."""

    start_s: float
    source_s: float
    """Time in the clip that is shown at its start."""
    chance: tuple[int, ...]
    """Its own seed, made of the line's and of how it sounds."""


@dataclass(frozen=True)
class Life:
    """N frames of life."""

    head: np.ndarray
    """(N, 6) pose vectors about the manner's reference."""
    body: np.ndarray
    """(N, K)"""
    face: np.ndarray
    """(N, 24) upper curves in [0, 1], gaze straight ahead of the eyes' aim and lids open."""


def parts_of(manner: Manner, stress: Stress, seed: int = 0) -> list[Part]:
    """The parts of a line, from its start on."""
    longest = min(_LONGEST_S, _MOST_OF_CLIP * manner.seconds) if manner.seconds else _LONGEST_S
    starts = _starts(stress, longest)
    loudness = smooth(stress.loudness, SYLLABLE_S * RATE_HZ)
    chances = [(seed, _heard_number(loudness, start)) for start in starts]
    if not manner.seconds:
        return [Part(start, 0.0, chance) for start, chance in zip(starts, chances, strict=True)]
    ends = [*starts[1:], max(stress.duration_s, starts[-1])]
    ranked = [_unlike(manner, loudness, start, end, seed) for start, end in zip(starts, ends, strict=True)]
    parts = []
    for start, (moments, cost), chance in zip(starts, ranked, chances, strict=True):
        if parts:
            shown_s = parts[-1].source_s + start - parts[-1].start_s
            cost = cost + _OFFENCE * _offences(manner, parts[-1].source_s, shown_s, moments / RATE_HZ)
        parts.append(Part(start, float(moments[int(cost.argmin())]) / RATE_HZ, chance))
    return parts


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
    upper = np.clip(face + looking + closure * manner.blinking.shape, 0.0, 1.0)
    return upper.astype(np.float32)


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


def _starts(stress: Stress, longest_s: float) -> list[float]:
    """Where parts begin, seconds: at 0, after long pauses, and so often in between that none is too long."""
    found = [0.0]
    pauses = [(0.0, np.inf)]
    pauses += [(b[0], b[0] - a[1]) for a, b in zip(stress.phrases[:-1], stress.phrases[1:], strict=True)]
    for start, pause in pauses[1:]:
        beside = [other for at, other in pauses if at != start and abs(at - start) < _SHORTEST_S]
        if pause >= _LONG_PAUSE_S and all(pause > other for other in beside):
            found.append(start)
    loudness = smooth(stress.loudness, 2 * SYLLABLE_S * RATE_HZ)
    result = []
    for start, end in zip(found, [*found[1:], stress.duration_s], strict=True):
        result.append(start)
        while end - result[-1] > longest_s:
            # What is left for the part after is no shorter than a part may be, or than half.
            left = end - result[-1]
            latest = min(longest_s, max(left - _SHORTEST_S, 0.5 * left))
            earliest = min(_SHORTEST_S, latest)
            lengths = np.arange(round(earliest * RATE_HZ), round(latest * RATE_HZ) + 1) / RATE_HZ
            at = np.minimum(np.rint((result[-1] + lengths) * RATE_HZ).astype(int), len(loudness) - 1)
            cost = loudness[at] + _OFF_BEST * np.abs(lengths - _BEST_S)
            result.append(result[-1] + float(lengths[int(cost.argmin())]))
    return result


def _unlike(
    manner: Manner, loudness: np.ndarray, start_s: float, end_s: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Moments of the clip (on the grid of RATE_HZ) that can be shown from `start_s` to `end_s`, and how unlike the line
    they sound."""
    first = _BLEND_BEFORE_S
    last = max(first, manner.seconds - (end_s - start_s) - _BLEND_AFTER_S)
    step = round(_STEP_S * RATE_HZ)
    moments = np.arange(round(first * RATE_HZ), round(last * RATE_HZ) + 1, step)
    cost = np.zeros(len(moments))
    around = range(round(_ALIKE_S[0] * RATE_HZ), round(_ALIKE_S[1] * RATE_HZ) + 1, step)
    for offset in around:
        here = _at(loudness, np.array([round(start_s * RATE_HZ) + offset]))
        difference = _at(manner.loudness, moments + offset) - here
        cost = cost + difference * difference
    chance = np.random.default_rng(seed).random(round(manner.seconds * RATE_HZ) + 1)
    return moments, cost / len(around) * (1 + _SEED_WEIGHT * chance[moments])


def _offences(manner: Manner, before_s: float, shown_s: float, moments_s: np.ndarray) -> np.ndarray:
    """How much speaks against a part that begins at each of `moments_s` of the clip, after one that began at `before_s`
    and shows `shown_s` by then: 1 for the same piece again, and by how much the head would have to go over faster than
    it moves in the clip, at its fastest."""
    offence = (np.abs(moments_s - before_s) <= _AGAIN_S).astype(np.float64)
    last = len(manner.motion) - 1
    here = manner.motion[min(round(shown_s * manner.fps), last)]
    there = manner.motion[np.minimum(np.rint(moments_s * manner.fps).astype(int), last)]
    for part in (slice(0, 3), slice(3, 6)):
        apart = _sizes(there[:, part] - here[part]) * _STEEPEST / (_BLEND_BEFORE_S + _BLEND_AFTER_S)
        fastest = float(_sizes(np.diff(manner.motion[:, part], axis=0)).max()) * manner.fps
        offence = offence + np.maximum(apart / max(fastest, 1e-9) - _PASSING, 0.0)
    return offence


def _sizes(vectors: np.ndarray) -> np.ndarray:
    """(N,) lengths of vectors (N, 3)."""
    x, y, z = vectors.T
    return np.sqrt(x * x + y * y + z * z)


def _heard_number(loudness: np.ndarray, start_s: float) -> int:
    """A number of how a part of a line begins to sound."""
    around = round(start_s * RATE_HZ) + np.arange(round(_ALIKE_S[0] * RATE_HZ), round(_ALIKE_S[1] * RATE_HZ))
    steps = np.rint(_at(loudness, around) / _LOUDNESS_STEP).astype("<i2")
    return int.from_bytes(hashlib.sha256(steps.tobytes()).digest()[:8], "little")


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values at places, 0 beyond the ends."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.clip(places, 0, len(values) - 1)], 0.0)


def _pieces(manner: Manner, parts: list[Part], times_s: np.ndarray) -> np.ndarray:
    """(N, D) the clip's motion as the parts show it, each passing into the next."""
    if not manner.seconds:
        return np.repeat(manner.rest[None], len(times_s), axis=0)
    out = np.zeros((len(times_s), len(manner.rest)))
    rise = np.ones(len(times_s))
    for number, part in enumerate(parts):
        fall = _rise(times_s, parts[number + 1].start_s) if number + 1 < len(parts) else np.zeros(len(times_s))
        weight, rise = rise - fall, fall
        shown = np.flatnonzero(weight > 0)
        places = np.clip((part.source_s + times_s[shown] - part.start_s) * manner.fps, 0, len(manner.motion) - 1)
        out[shown] += weight[shown, None] * spline(manner.motion, places)
    return out


def _rise(times_s: np.ndarray, start_s: float) -> np.ndarray:
    """0 before a part's beginning, 1 after, twice continuously differentiable."""
    return _quintic((times_s - start_s + _BLEND_BEFORE_S) / (_BLEND_BEFORE_S + _BLEND_AFTER_S))


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
