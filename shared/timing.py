"""Frames and seconds as exact rationals. Frame n counts from 1 and shows time (n - 1) / fps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction

_LONGEST_NUMBER = 100
_EXPONENT = re.compile(r"e[+-]?\d{1,3}$")


def exact_number(text: str) -> Fraction:
    """The number that a text such as "25", "24000/1001" or "0.5" names.

    Raises ValueError and ZeroDivisionError for none, and for one that would take for ever: 1e99999999 has as many
    digits as it says.
    """
    exponent = text.strip().lower().partition("e")
    if len(text) > _LONGEST_NUMBER or (exponent[1] and not _EXPONENT.fullmatch("e" + exponent[2])):
        raise ValueError("it is too long, or too large, to be meant")
    return Fraction(text)


def parse_fps(text: str | int | float | Fraction) -> Fraction:
    """Frame rate from "24000/1001", "25", 25 or 29.97 (NTSC decimals are read as n*1000/1001).

    Raises ValueError if it is not a positive rate of at most 1000 frames a second.
    """
    try:
        if isinstance(text, str):
            fps = exact_number(text)
        else:
            fps = Fraction(text) if not isinstance(text, float) else Fraction(text).limit_denominator(1001)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"frame rate {text!r} is not a number such as 25 or 24000/1001") from error
    if fps.denominator != 1 and (not isinstance(text, Fraction)) and "/" not in str(text):
        ntsc = Fraction(math.ceil(fps) * 1000, 1001)
        if abs(ntsc - fps) < Fraction(1, 100):
            fps = ntsc
    if not 0 < fps <= 1000:
        raise ValueError(f"frame rate {text!r} is not between 0 and 1000")
    return fps


def fps_text(fps: Fraction) -> str:
    """Frame rate as "num/den", the form used in every file."""
    return f"{fps.numerator}/{fps.denominator}"


def frame_times(count: int, fps: Fraction) -> list[float]:
    """Seconds at which frames 1 to `count` are shown, each rounded once from its exact rational time."""
    return [n * fps.denominator / fps.numerator for n in range(count)]


def frame_count(samples: int, sample_rate: int, fps: Fraction) -> int:
    """Frames of a line of `samples` audio samples: ceil(seconds x fps)."""
    return math.ceil(Fraction(samples, sample_rate) * fps)


def samples_for_frames(frames: int, sample_rate: int, fps: Fraction) -> int:
    """Audio samples that last as long as `frames` frames, to the nearest sample."""
    return round(Fraction(frames * sample_rate) / fps)


def counted_fps(fps: Fraction) -> int:
    """Frames that a time code without dropped frames counts for a second: 30 at 30000/1001."""
    return max(1, round(fps))


def parse_timecode(text: str, fps: Fraction) -> int:
    """Frames from midnight to a time code "HH:MM:SS:FF" that drops none.

    Raises ValueError when it is none, one that drops frames, or one that this rate does not have.
    """
    found = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2}):(\d{1,3})", text.strip())
    if found is None:
        raise ValueError(f"time code {text!r} is not of the form HH:MM:SS:FF (one that drops frames is not written)")
    hours, minutes, seconds, frames = (int(part) for part in found.groups())
    counted = counted_fps(fps)
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= counted:
        raise ValueError(f"time code {text!r} does not lie within a day of {counted} frames a second")
    return ((hours * 60 + minutes) * 60 + seconds) * counted + frames


def timecode_text(frames: int, fps: Fraction) -> str:
    """The time code "HH:MM:SS:FF" so many frames from midnight, without dropped frames."""
    seconds, frame = divmod(frames, counted_fps(fps))
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def parse_frame_range(text: str, count: int) -> tuple[int, int]:
    """ "A:B" (inclusive, from 1; either side may be empty), "A-B" as render farms write it, or "A", as (first, last)
    within 1..count.

    Raises ValueError when the range is malformed, empty or outside the line.
    """
    first_text, colon, last_text = text.partition("-" if re.fullmatch(r"\d+-\d+", text) else ":")
    try:
        first = int(first_text) if first_text else 1
        last = int(last_text) if last_text else (count if colon else first)
    except ValueError as error:
        raise ValueError(f"frame range {text!r} is not of the form A:B") from error
    if not 1 <= first <= last <= count:
        raise ValueError(f"frame range {text!r} does not lie within 1:{count}")
    return first, last


def ranges_text(frames: Iterable[int]) -> str:
    """Frame numbers in few words, in order: "1:4, 7, 9:12"."""
    ranges: list[list[int]] = []
    for frame in sorted(frames):
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1][1] = frame
        else:
            ranges.append([frame, frame])
    return ", ".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)
