"""Room for the cuda engine's lists of (tile, Gaussian) pairs: buffers of a fixed length, so that neither a launch nor a
captured graph depends on a number that only the device knows.

A call outside of a graph asks the device once how many pairs there were, and is done again with longer lists where they
were too short. A captured graph cannot ask: it raises a flag, which its owner reads when that costs nothing, and until
then nothing that came of it may be used (`Watch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor

MOST_PAIRS = 1 << 29
"""More pairs than this are refused: their memory would be tens of gigabytes."""
_LEAST_PAIRS = 1 << 15
_STEP = 1 << 13
"""Lengths are multiples of this."""
_NEARLY_FULL = 0.8
_SPARE = 1.5
"""Lists are made so much longer than they had to be."""


@dataclass
class Room:
    """How long the lists of pictures of one size are."""

    pairs: int = _LEAST_PAIRS

    def suffices(self, wanted: int) -> bool:
        """Whether there was room for `wanted` pairs. Where there was not, or hardly, there is more from now on.

        Raises ValueError if it is wanted for more than MOST_PAIRS.
        """
        if wanted > MOST_PAIRS:
            raise ValueError("too many splats on screen at once (they cover too many tiles)")
        there_was = wanted <= self.pairs
        if wanted > _NEARLY_FULL * self.pairs:
            self.pairs = min(-(-int(_SPARE * wanted) // _STEP) * _STEP, MOST_PAIRS)
        return there_was


_rooms: dict[tuple[torch.device, int, int], Room] = {}


def room_for(device: torch.device, height: int, width: int) -> Room:
    """The room that pictures of a size have on a device; it stays, and only grows."""
    return _rooms.setdefault((device, height, width), Room())


@dataclass
class Watch:
    """What a captured graph tells of its lists."""

    overflow: Tensor
    """(1,) float32: 1 once any list was too short; stays until `clear`. An optimiser takes it as its `found_inf`."""
    seen: list[tuple[Room, Tensor]] = field(default_factory=list)
    """Every room that was used, and (1,) int64 the most pairs that were wanted of it."""

    @classmethod
    def on(cls, device: torch.device) -> Watch:
        return cls(torch.zeros(1, device=device))

    def counter(self, room: Room) -> Tensor:
        """Where a list of `room` writes how many pairs were wanted."""
        counter = next((counter for known, counter in self.seen if known is room), None)
        if counter is None:
            raise RuntimeError("a raster was captured at a size that it was not drawn at before")
        return counter

    def prepare(self, device: torch.device, height: int, width: int) -> None:
        """Count what pictures of this size want; before the capture, which must not allocate what is kept."""
        room = room_for(device, height, width)
        if all(known is not room for known, _ in self.seen):
            self.seen.append((room, torch.zeros(1, dtype=torch.int64, device=device)))

    def is_short(self) -> bool:
        """Whether more is wanted than there is room for now. Waits for the device."""
        return any(int(counter) > room.pairs for room, counter in self.seen)

    def grow(self) -> None:
        """Make room for what was wanted, and begin anew. Waits for the device. Graphs keep their lengths: capture them
        again."""
        for room, counter in self.seen:
            room.suffices(int(counter))
            counter.zero_()
        self.overflow.zero_()


_present: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """What is captured within tells `watch` of its lists."""
    token = _present.set(watch)
    try:
        yield
    finally:
        _present.reset(token)


def present_watch() -> Watch | None:
    """The watch of the code that runs; None outside of a capture."""
    return _present.get()
