"""A line cut into parts, each with a piece of the clip's own motion that fits it.

Parts begin where phrases begin, and in long phrases every few seconds at a quiet moment. A part shows the clip from a
moment whose sound is most like its own. What is chosen depends on how the part sounds, on the seed, and on neighbours
as far as the next fresh start: the rest of the line may be cut off or edited.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from backend.performance.manner import Manner
from backend.performance.stress import RATE_HZ, SYLLABLE_S, Stress, smooth

BLEND_BEFORE_S, BLEND_AFTER_S = 0.9, 0.6
"""Around a phrase's beginning one piece passes into the next: mostly in the pause before."""
_SHORTEST_S, _BEST_S, _LONGEST_S = 1.6, 3.2, 4.5
"""Lengths of a part: at least, best within a long phrase, and at most."""
_MOST_OF_CLIP = 0.5
"""A part shows no more of the clip than this: else it would always be the same piece."""
_LONG_PAUSE_S = 0.4
"""After such a pause a part begins."""
_FRESH_S = 4.6
"""The longest pause within so many seconds is a fresh start: what is shown after it depends on nothing before it. More
than a part is long, so that there is one between two of them, which goes by both."""
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
_SEED_WEIGHT = 1.0
"""How much chance adds to what a moment of the clip costs."""
_LOUDNESS_STEP = 0.25
"""Sounds that differ by less are the same."""


@dataclass(frozen=True)
class Part:
    """A part of a line, and the piece of the clip that it shows."""

    start_s: float
    source_s: float
    """Time in the clip that is shown at its start."""
    chance: tuple[int, ...]
    """Its own seed, made of the line's and of how it sounds."""


def parts_of(manner: Manner, stress: Stress, seed: int = 0) -> list[Part]:
    """The parts of a line, from its start on."""
    longest = min(_LONGEST_S, _MOST_OF_CLIP * manner.seconds) if manner.seconds else _LONGEST_S
    found = _starts(stress, longest)
    starts = [start for start, _ in found]
    loudness = smooth(stress.loudness, SYLLABLE_S * RATE_HZ)
    chances = [(seed, _heard_number(loudness, start)) for start in starts]
    if not manner.seconds:
        return [Part(start, 0.0, chance) for start, chance in zip(starts, chances, strict=True)]
    ends = [*starts[1:], max(stress.duration_s, starts[-1])]
    unlike = [_unlike(manner, loudness, start, end, seed) for start, end in zip(starts, ends, strict=True)]
    fresh = [float(moments[int(cost.argmin())]) if is_fresh else None
             for (moments, cost), (_, is_fresh) in zip(unlike, found, strict=True)]  # fmt: skip
    sources: list[float] = []
    for number, (moments, cost) in enumerate(unlike):
        source, after = fresh[number], fresh[number + 1] if number + 1 < len(fresh) else None
        if source is None:
            if number:
                shown = sources[-1] + starts[number] - starts[number - 1]
                cost = cost + _OFFENCE * _offences(manner, sources[-1], shown, moments)
            if after is not None:
                cost = cost + _OFFENCE * _offences(manner, moments, moments + ends[number] - starts[number], after)
            source = float(moments[int(cost.argmin())])
        sources.append(source)
    return [Part(*part) for part in zip(starts, sources, chances, strict=True)]


def _starts(stress: Stress, longest_s: float) -> list[tuple[float, bool]]:
    """Where parts begin, seconds, and whether afresh: at 0, after long pauses, and so often in between that none is too
    long."""
    loudness = smooth(stress.loudness, 2 * SYLLABLE_S * RATE_HZ)
    pauses = [(b[0], b[0] - a[1]) for a, b in zip(stress.phrases[:-1], stress.phrases[1:], strict=True)]
    # Of pauses of one length, chance decides which is longer: it must not depend on where the line begins.
    rated = [(at, (length, _heard_number(loudness, at))) for at, length in pauses if length >= _LONG_PAUSE_S]
    found = [(0.0, False)]
    for start, pause in rated:
        if start >= _SHORTEST_S and _is_longest(start, pause, rated, _SHORTEST_S):
            found.append((start, _is_longest(start, pause, rated, _FRESH_S)))
    result = []
    for (start, is_fresh), end in zip(found, [*(at for at, _ in found[1:]), stress.duration_s], strict=True):
        result.append((start, is_fresh))
        while end - result[-1][0] > longest_s:
            # What is left for the part after is no shorter than a part may be, or than half.
            last = result[-1][0]
            latest = min(longest_s, max(end - last - _SHORTEST_S, 0.5 * (end - last)))
            earliest = min(_SHORTEST_S, latest)
            lengths = np.arange(round(earliest * RATE_HZ), round(latest * RATE_HZ) + 1) / RATE_HZ
            at = np.minimum(np.rint((last + lengths) * RATE_HZ).astype(int), len(loudness) - 1)
            cost = loudness[at] + _OFF_BEST * np.abs(lengths - _BEST_S)
            result.append((last + float(lengths[int(cost.argmin())]), False))
    return result


def _is_longest(
    start: float, pause: tuple[float, int], pauses: list[tuple[float, tuple[float, int]]], within_s: float
) -> bool:
    return all(pause > other for at, other in pauses if at != start and abs(at - start) < within_s)


def _unlike(
    manner: Manner, loudness: np.ndarray, start_s: float, end_s: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Moments of the clip, seconds, that can be shown from `start_s` to `end_s`, and how unlike the line they sound."""
    first = BLEND_BEFORE_S
    last = max(first, manner.seconds - (end_s - start_s) - BLEND_AFTER_S)
    step = round(_STEP_S * RATE_HZ)
    moments = np.arange(round(first * RATE_HZ), round(last * RATE_HZ) + 1, step)
    cost = np.zeros(len(moments))
    around = range(round(_ALIKE_S[0] * RATE_HZ), round(_ALIKE_S[1] * RATE_HZ) + 1, step)
    for offset in around:
        here = _at(loudness, np.array([round(start_s * RATE_HZ) + offset]))
        difference = _at(manner.loudness, moments + offset) - here
        cost = cost + difference * difference
    chance = np.random.default_rng(seed).random(round(manner.seconds * RATE_HZ) + 1)
    return moments / RATE_HZ, cost / len(around) * (1 + _SEED_WEIGHT * chance[moments])


def _offences(
    manner: Manner, before_s: np.ndarray | float, shown_s: np.ndarray | float, after_s: np.ndarray | float
) -> np.ndarray:
    """How much speaks against a part that begins at `after_s` of the clip, following one that began at `before_s` and
    shows `shown_s` by then (each (N,) or a number): 1 for the same piece again, and by how much the head would have to
    go over faster than it moves in the clip, at its fastest."""
    offence = (np.abs(after_s - before_s) <= _AGAIN_S).astype(np.float64)
    here, there = (
        manner.motion[np.minimum(np.rint(np.atleast_1d(at) * manner.fps).astype(int), len(manner.motion) - 1)]
        for at in (shown_s, after_s)
    )
    for part in (slice(0, 3), slice(3, 6)):
        apart = _sizes(there[:, part] - here[:, part]) * _STEEPEST / (BLEND_BEFORE_S + BLEND_AFTER_S)
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
