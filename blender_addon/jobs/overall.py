"""How far a whole job is: its phases by the share of the time that they usually take."""

from __future__ import annotations

import time
from collections.abc import Sequence

PHASES: dict[str, tuple[tuple[str, float], ...]] = {
    "preprocess": (
        ("decode", 1), ("audio", 2), ("face", 6), ("landmarks", 30), ("camera", 8), ("pose refinement", 12),
        ("regions", 30), ("clean plate", 3), ("body", 4), ("sync", 2), ("quality", 2),
    ),
    "train": (("prepare", 2), ("self-tracking", 14), ("learning speech", 8), ("train", 76)),
    "evaluate": (("evaluate", 90), ("closure", 10)),
    "render": (("prepare the line", 10), ("render", 90)),
}  # fmt: skip
"""Verb to its phases in order, each with a rough share of its time: no promise, but a bar that goes one way."""
_JOBS = {"preprocess": 1.0, "render": 0.3}
_TRAININGS = {"draft": 1.5, "standard": 11.0, "film": 20.0}
"""How long jobs take beside each other, preprocessing being 1; trainings by preset: as rough as the shares above."""
_ENOUGH_SHARE, _ENOUGH_S = 0.05, 5.0
"""From here on what has passed tells what is to come."""


def phase_place(verb: str, phase: str) -> tuple[int, int] | None:
    """(number of a phase from 1, phases in all) of a verb; None for one that is not known."""
    names = [name for name, _ in PHASES.get(verb, ())]
    return (names.index(phase) + 1, len(names)) if phase in names else None


def weight(verb: str, preset: str) -> float:
    """How long a job takes beside others in a row."""
    return _TRAININGS.get(preset, 1.0) if verb == "train" else _JOBS.get(verb, 0.1)


class Chain:
    """Jobs in a row: the share of all of them that is done."""

    def __init__(self, weights: Sequence[float] = (1.0,)) -> None:
        self._weights = weights
        self.step = 1
        """Which of them is being done, from 1."""
        self.started_at = time.time()

    def done(self, share: float) -> float:
        """The share of all, in [0, 1], when `share` of the present job is done."""
        before = sum(self._weights[: self.step - 1])
        return (before + self._weights[self.step - 1] * share) / sum(self._weights)


class Overall:
    """The share of one job that is done; it never goes back."""

    def __init__(self) -> None:
        self._job, self._phase, self._done = "", "", 0.0

    def update(self, job_id: str, verb: str, phase: str, step: int, total: int) -> float:
        """The share that is done, in [0, 1], by the progress that came last."""
        if job_id != self._job:
            self._job, self._done = job_id, 0.0
        phases = PHASES.get(verb, ())
        names = [name for name, _ in phases]
        if phase in names:
            whole = sum(share for _, share in phases)
            at = names.index(phase)
            before = sum(share for _, share in phases[:at])
            within = min(1.0, step / total) if total else 0.0
            self._done = max(self._done, (before + phases[at][1] * within) / whole)
        return self._done


def left_s(done: float, started_at: float | None) -> float:
    """Seconds to the end of a job that began at `started_at` (time.time); negative: too early to say."""
    if started_at is None:
        return -1.0
    passed = time.time() - started_at
    if done < _ENOUGH_SHARE or passed < _ENOUGH_S:
        return -1.0
    return passed * (1.0 - done) / done
