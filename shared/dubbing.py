"""Which frames of the footage a line is dubbed over, as text: `A:B=F@S`, several with commas.

Frames A to B of the line show the footage from its frame F on, S footage frames each: frame n of them shows the
footage's frame floor(F + (n - A) * S). All count from 1; F and S are whole numbers or exact fractions such as 7/2.
Without `@S` it is 1. An empty A is the line's first frame; an empty B goes as far as both line and footage do. Frames
of the line in none of the ranges have no footage under them: they are not dubbed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .timing import exact_number

_LARGEST = 1 << 31
"""Frames and speeds beyond are none."""
DUB_FORM = (
    "Write frames of the line, and the footage's frame under the first of them: 1:100=26, with @1/2 after it where the "
    "footage is slowed down to half."
)
"""What to do where a text has no such form."""


@dataclass(frozen=True)
class DubRange:
    """Frames of a line that show the footage at one speed."""

    first: int
    last: int | None
    """None: as far as line and footage go."""
    footage: Fraction
    """Frame of the footage under `first`, from 1; between two frames the earlier one is shown."""
    speed: Fraction = Fraction(1)
    """Frames of the footage for a frame of the line; negative: backwards."""

    def footage_frame(self, number: int) -> int:
        """The footage's frame under frame `number` of the line, from 1."""
        return math.floor(self.footage + (number - self.first) * self.speed)

    def __str__(self) -> str:
        speed = "" if self.speed == 1 else f"@{self.speed}"
        return f"{self.first}:{'' if self.last is None else self.last}={self.footage}{speed}"


def parse_dub(text: str) -> tuple[DubRange, ...]:
    """The ranges in a text, in order. Raises ValueError that says what is wrong, as a sentence's beginning."""
    ranges = [_parse_range(part.strip()) for part in text.split(",")]
    for before, after in zip(ranges[:-1], ranges[1:], strict=True):
        if before.last is None or after.first <= before.last:
            raise ValueError(f"the dubbed frames {before} and {after} overlap or are not in order")
    return tuple(ranges)


def _parse_range(text: str) -> DubRange:
    frames, equals, shown = text.partition("=")
    first, colon, last = frames.partition(":")
    start, at, speed = shown.partition("@")
    try:
        if not equals or (not colon and not first.strip()) or (at and not speed.strip()):
            raise ValueError
        number = int(first) if first.strip() else 1
        end = (int(last) if last.strip() else None) if colon else number
        found = DubRange(number, end, exact_number(start.strip()), exact_number(speed.strip()) if at else Fraction(1))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"the dubbed frames {text!r} are not of the form A:B=F@S") from None
    if not 1 <= found.first < _LARGEST or (found.last is not None and not found.first <= found.last < _LARGEST):
        raise ValueError(f"the dubbed frames {text!r} end before they begin, or begin before frame 1")
    if not 1 <= found.footage < _LARGEST or abs(found.speed) > _LARGEST:
        raise ValueError(f"the dubbed frames {text!r} begin before the footage's frame 1, or far beyond its end")
    return found


def dub_text(ranges: Iterable[DubRange]) -> str:
    """What `parse_dub` reads."""
    return ",".join(map(str, ranges))


def footage_frames(ranges: Iterable[DubRange], count: int, first: int, last: int) -> list[int | None]:
    """The footage's frame under each of the `count` frames of a line, from 1; None where it is not dubbed.

    first, last: the footage's frames that there are. Raises ValueError where ranges leave them, or the line.
    """
    frames: list[int | None] = [None] * count
    for part in ranges:
        if part.first > count or (part.last is not None and part.last > count):
            raise ValueError(f"the dubbed frames {part} lie outside of the line, which has {count} frames")
        for number in range(part.first, (count if part.last is None else part.last) + 1):
            shown = part.footage_frame(number)
            if not first <= shown <= last:
                if part.last is None and number > part.first:
                    break
                where = f"show frame {shown} of the footage at the line's frame {number}"
                raise ValueError(f"the dubbed frames {part} {where}; known are its frames {first} to {last}")
            frames[number - 1] = shown
    return frames


def ranges_of(frames: Sequence[int | None], speeds: Iterable[Fraction] = ()) -> tuple[DubRange, ...]:
    """Ranges, as few as are found, that give exactly these footage frames (from 1) under a line's frames; None: not
    dubbed. speeds: at which the footage may run, beside the steps between frames."""
    found: list[DubRange] = []
    known = tuple(speeds)
    index = 0
    while index < len(frames):
        if frames[index] is None:
            index += 1
            continue
        following = frames[index + 1] if index + 1 < len(frames) else None
        step = Fraction(1) if following is None else Fraction(following - frames[index])  # type: ignore[operator]
        tried = [_run(frames, index, speed) for speed in dict.fromkeys((step, Fraction(1), *known))]
        best = max(tried, key=lambda run: run.last or 0)
        found.append(best)
        index = best.last or index + 1
    return tuple(found)


def _run(frames: Sequence[int | None], index: int, speed: Fraction) -> DubRange:
    """The longest range from `index` on that runs at a speed."""
    low, high = Fraction(1), Fraction(_LARGEST)
    end = index
    while end < len(frames):
        shown = frames[end]
        if shown is None:
            break
        at_least = max(low, shown - (end - index) * speed)
        below = min(high, shown + 1 - (end - index) * speed)
        if at_least >= below:
            break
        low, high = at_least, below
        end += 1
    return DubRange(index + 1, end, low, speed)
