"""A training step before it is taken: what it sees, and what learns in it."""

from __future__ import annotations

from dataclasses import dataclass

from backend.train.views import View

MATTE_EVERY = 4
"""Mattes are drawn and compared every so many steps: they cost four raster channels and change slowly."""


@dataclass(frozen=True)
class Planned:
    """One step of a run."""

    step: int
    """Its number in the run, from 0."""
    progress: float
    """Of the run's present round, in [0, 1)."""
    frame: int
    """The frame that it sees, from 0."""
    view: View
    """What it sees of that."""
    learns: tuple[str, ...]
    """The parameter groups that learn."""
    deformed: bool
    """Whether the fields move the head."""
    branch: str | None
    """As `stages.Stage.branch`."""

    @property
    def has_mattes(self) -> bool:
        """Whether it is one of those that compare the mattes."""
        return self.step % MATTE_EVERY == 0

    @property
    def kind(self) -> tuple:
        """Steps of one kind do the same operations on arrays of the same shapes."""
        view = (self.view.size, self.view.height, self.view.width)
        return (*view, self.learns, self.deformed, self.branch, self.has_mattes)
