"""Whether the lips close where the sound needs it: P, B and M against open vowels.

Scores of lip-sync nets do not punish lips that fail to close; viewers do. Both openings are read at the moments when
the *recorded* lips close or open, since a search for the drawn lips' own best moment would reward a mouth that flaps.

Rows of frames are made first and pooled later: a fold of a short clip has one closure or none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.evaluate.phones import Phone

BILABIALS = ("P", "B", "M")
OPEN_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW")
LEAD_S, TRAIL_S = 0.14, 0.02
"""The lips' part of a phone is looked for from so long before its start to so long after its end, seconds: lips close
80 to 120 ms before a recogniser hears the sound that they release."""
TOLERANCE_S = 0.08
"""Frames count less the further they are from the moment, and no more from here, seconds: at 25 frames/s the one before
and the one after count half, so that lips a frame late are charged a part only."""
FEWEST = 5
"""Fewer closures, or fewer open vowels, give no figure."""
LEAST_CONTRAST = 0.01
"""In face heights: what the landmarker cannot tell apart. If the recorded lips show less, there is nothing to compare
with (the words were not understood, say)."""
_CLOSED, _OPEN = slice(0, 2), slice(2, 4)


def closure_rows(phones: Sequence[Phone], times_s: np.ndarray, drawn: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(T, 4) what `closure` needs of each frame: opening drawn and recorded where the lips close, the same where they
    open; NaN in all other frames.

    times_s: (T,) of consecutive frames, on the phones' clock; drawn, recorded: (T,) openings in face heights, NaN where
    no face was found and where a frame is not scored. A phone counts if every frame about it shows a recorded face.
    """
    rows = np.full((len(times_s), 4), np.nan)
    for names, columns, extreme in ((BILABIALS, _CLOSED, np.argmin), (OPEN_VOWELS, _OPEN, np.argmax)):
        for phone in phones:
            if phone.name not in names:
                continue
            first, last = phone.start_s - LEAD_S, phone.end_s + TRAIL_S
            frames = np.flatnonzero((times_s >= first) & (times_s <= last))
            covered = len(times_s) and times_s[0] <= first and times_s[-1] >= last
            if not covered or not len(frames) or not np.isfinite(recorded[frames]).all():
                continue
            moment = frames[_middle_of_hold(recorded[frames], int(extreme(recorded[frames])))]
            nearness = 1.0 - np.abs(times_s - times_s[moment]) / TOLERANCE_S
            rows[moment, columns] = [_about(opening, nearness) for opening in (drawn, recorded)]
    return rows


def closure(rows: np.ndarray) -> float:
    """How well closures close: 1 as the recorded lips, 0 no closing at all, above 1 more than recorded.

    rows: (N, 4) those of `closure_rows`, of any frames. The mean opening at open vowels less that at P, B and M, drawn
    against recorded. A face that was not found counts as no contrast. NaN with fewer than FEWEST of either, or where
    the recorded lips show no contrast.
    """
    closed, vowels = _events(rows, _CLOSED), _events(rows, _OPEN)
    if min(len(closed), len(vowels)) < FEWEST:
        return float("nan")
    reference = float(vowels[:, 1].mean() - closed[:, 1].mean())
    if reference < LEAST_CONTRAST:
        return float("nan")
    found_closed, found_open = (events[np.isfinite(events[:, 0]), 0] for events in (closed, vowels))
    if not len(found_closed) or not len(found_open):
        return 0.0
    contrast = float(found_open.mean() - found_closed.mean())
    share = len(found_closed) / len(closed) * len(found_open) / len(vowels)
    return min(contrast, contrast * share) / reference


def closure_count(rows: np.ndarray) -> int:
    """The number of closures that `closure` stands on."""
    return len(_events(rows, _CLOSED))


def _events(rows: np.ndarray, columns: slice) -> np.ndarray:
    """(E, 2) opening drawn and recorded, of the rows that have one."""
    events = rows[:, columns]
    return events[np.isfinite(events[:, 1])]


def _middle_of_hold(opening: np.ndarray, extreme: int) -> int:
    """The middle of the frames around `extreme` in which lips (N,) stay as they are there."""
    same = np.abs(opening - opening[extreme]) <= LEAST_CONTRAST
    first = last = extreme
    while first > 0 and same[first - 1]:
        first -= 1
    while last + 1 < len(same) and same[last + 1]:
        last += 1
    return (first + last) // 2


def _about(opening: np.ndarray, nearness: np.ndarray) -> float:
    """Mean opening weighted by nearness where that is positive; NaN where no face was found."""
    known = (nearness > 0) & np.isfinite(opening)
    return float(np.average(opening[known], weights=nearness[known])) if known.any() else float("nan")
