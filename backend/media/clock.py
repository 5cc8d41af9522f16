"""A clip's clock: its frame rate as the timestamps bear it out, and pictures of a variable rate at a steady one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Picture = TypeVar("Picture")

RATE_TOLERANCE = Fraction(1, 4)
"""A gap between frames that differs from the average by more than this share of it makes the rate variable; a stated
rate that is so far from what the timestamps say is not believed."""
RATE_ROUNDING = Fraction(1, 5000)
"""A stated rate this near to a whole or NTSC rate (as a share of it) is that rate; those two lie 1/1000 apart."""
REORDERED = 16
"""Packets behind their own time that a coder may put a picture, at the most (H.264, A.3.1)."""
STEP_BACK_S, LEAP_S = Fraction(1, 2), Fraction(60)
"""A timestamp this far before the last one, or behind it, begins a new clock: recordings that were put one after
another, clocks that ran over."""


class SteadyClock:
    """Timestamps that go on where a file's clock starts again."""

    def __init__(self) -> None:
        self._latest: Fraction | None = None
        self._before: Fraction | None = None
        self._shift = Fraction(0)

    def time(self, stamp: Fraction) -> Fraction:
        """Seconds of `stamp`; where the clock begins anew, one frame behind the latest so far."""
        time = stamp + self._shift
        if self._latest is not None and not self._latest - STEP_BACK_S <= time < self._latest + LEAP_S:
            period = self._latest - self._before if self._before is not None else Fraction(0)
            self._shift += self._latest + period - time
            time = stamp + self._shift
        if self._latest is None or time > self._latest:
            self._before, self._latest = self._latest, time
        return time


def believed_rate(stated: Iterable[Fraction | None], times: list[Fraction]) -> Fraction | None:
    """The first of the stated rates that the timestamps, in ascending order, bear out; else what these say.

    None where nothing says it.
    """
    seconds = times[-1] - times[0] if len(times) > 1 else Fraction(0)
    measured = (len(times) - 1) / seconds if seconds > 0 else None
    rates = [Fraction(rate) for rate in stated if rate]
    if measured is None:
        return standard_rate(rates[0]) if rates else None
    borne_out = (rate for rate in rates if abs(rate - measured) <= measured * RATE_TOLERANCE)
    return standard_rate(next(borne_out, measured))


def standard_rate(fps: Fraction) -> Fraction:
    """The whole or NTSC rate that `fps` is, where timestamps rounded to the file's clock blurred it; else `fps`."""
    for rate in (Fraction(round(fps)), Fraction(round(fps * 1001 / 1000) * 1000, 1001)):
        if abs(rate - fps) < fps * RATE_ROUNDING:
            return rate
    return fps


def is_variable(times: list[Fraction], fps: Fraction) -> bool:
    """Whether the gaps between times, in ascending order, are not all those of the rate `fps`.

    Those at the end of a long clip do not count: a file that was cut off lacks some of its last pictures.
    """
    if len(times) > 4 * REORDERED:
        times = times[:-REORDERED]
    if len(times) < 3:
        return False
    period = 1 / fps
    gaps = (later - earlier for earlier, later in zip(times[:-1], times[1:], strict=True))
    return any(abs(gap - period) > period * RATE_TOLERANCE for gap in gaps)


def resampled(decoded: Iterator[tuple[Fraction, Picture]], fps: Fraction) -> Iterator[tuple[Fraction, Picture]]:
    """Nearest source frame to every multiple of 1 / fps after the first frame, with its own time."""
    previous = next(decoded, None)
    if previous is None:
        return
    start, number = previous[0], 0
    for current in decoded:
        if current[0] <= previous[0]:
            continue
        middle = (previous[0] + current[0]) / 2
        while start + number / fps < middle:
            yield previous
            number += 1
        previous = current
    while start + number / fps <= previous[0] + Fraction(1, 2) / fps:
        yield previous
        number += 1


def without_holes(
    decoded: Iterator[tuple[Fraction, Picture]], fps: Fraction, warn: Callable[[str], None]
) -> Iterator[tuple[Fraction, Picture]]:
    """Pictures of a steady rate; where some are missing, the one before stands in, so that later ones keep their time.

    `warn` is told of them at the end.
    """
    previous, missing = None, 0
    for time, picture in decoded:
        if previous is not None:
            lacking = max(0, round((time - previous[0]) * fps) - 1)
            missing += lacking
            for _ in range(lacking):
                yield previous
        previous = time, picture
        yield previous
    if missing:
        warn(f"{missing} pictures are missing within the footage; the one before them stands in.")
