"""A curve with a key on every frame made one that an artist can work on: few keys, within a stated error."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from . import keys


def simplify(curve: bpy.types.FCurve, frames: Sequence[float], values: Sequence[float], error: float) -> int:
    """Replace a curve's keys by few ones, so that at each of the `frames` it is within `error` of `values`; how many.

    Keys lie on frames, with handles that Blender keeps automatic and free of overshoot. It begins with the ends and
    adds a key where the curve is furthest off, in every stretch between keys, until none is.
    """
    kept = {0, len(values) - 1} if max(values) - min(values) > error else {0}
    changed = {(min(kept), max(kept))}
    while True:
        chosen = sorted(kept)
        keys.lay(curve, [frames[n] for n in chosen], [values[n] for n in chosen])
        found = {worst for stretch in changed if (worst := _worst(curve, frames, values, stretch, error)) is not None}
        if not found:
            return len(chosen)
        kept |= found
        changed = _touched(sorted(kept), found)


def _worst(
    curve: bpy.types.FCurve,
    frames: Sequence[float],
    values: Sequence[float],
    stretch: tuple[int, int],
    error: float,
) -> int | None:
    """The frame between two keys where the curve is furthest off; None where none is off by more than `error`."""
    most, at = error, None
    for n in range(stretch[0] + 1, stretch[1]):
        off = abs(curve.evaluate(frames[n]) - values[n])
        if off > most:
            most, at = off, n
    return at


def _touched(kept: list[int], added: set[int]) -> set[tuple[int, int]]:
    """The stretches whose shape new keys change: a key's handles go by its neighbours, so two to either side."""
    places = [place for place, n in enumerate(kept) if n in added]
    ends = len(kept) - 1
    return {(kept[k], kept[k + 1]) for place in places for k in range(max(0, place - 2), min(ends, place + 2))}
