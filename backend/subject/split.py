"""Which frames of a clip a model learned from, and which were kept from it for its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Split:
    """The frames of a clip, counted from 0, in two sets; a frame may be in neither (the gap between them)."""

    training: np.ndarray
    """(N,) frames that may be learned from, in order."""
    held_out: np.ndarray
    """(M,) frames that nothing may be learned from, in order; none where all are trained on."""

    @classmethod
    def of_record(cls, training: Mapping[str, Any], frame_count: int) -> Split:
        """The split of a model by the entry `training` of its config.json, for a clip of `frame_count` frames.

        Models from before frames were listed tell how many from the start they learned from, `trained_frames`; one that
        tells nothing counts as trained on all of them. Raises ValueError or TypeError for a damaged entry.
        """
        if "learned_from" in training:
            learned, held_out = (frames_of(training[name]) for name in ("learned_from", "held_out"))
            return cls(learned[learned < frame_count], held_out[held_out < frame_count])
        trained = min(int(training.get("trained_frames", frame_count)), frame_count)
        return cls(np.arange(trained), np.arange(trained, frame_count))


def ranges_of(frames: np.ndarray) -> list[list[int]]:
    """Frames (N,) from 0 in order, as they are written in files: [first, last] of each run, counted from 1."""
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) > 1)
    firsts, lasts = frames[np.concatenate([[0], breaks + 1])], frames[np.concatenate([breaks, [len(frames) - 1]])]
    return [[int(first) + 1, int(last) + 1] for first, last in zip(firsts, lasts, strict=True)]


def frames_of(ranges: Sequence[Sequence[int]]) -> np.ndarray:
    """(N,) frames from 0 of what `ranges_of` wrote. Raises ValueError or TypeError for anything else."""
    return np.concatenate([np.arange(int(first) - 1, int(last)) for first, last in ranges] or [np.arange(0)])
