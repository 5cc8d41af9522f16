"""Whether the lips close where the sound needs it: P, B and M against open vowels, found by pocketsphinx.

Scores of lip-sync nets do not punish lips that fail to close; viewers do.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.media.audio import SPEECH_RATE

BILABIALS = ("P", "B", "M")
OPEN_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW")
REACH_S = 0.04
"""Seconds before and after a phone in which frames count as its own: closures are short."""


@dataclass(frozen=True)
class Phone:
    """A speech sound: ARPAbet name, start and end in seconds."""

    name: str
    start_s: float
    end_s: float


def is_available() -> bool:
    """Whether pocketsphinx, which finds the phones, is installed."""
    return importlib.util.find_spec("pocketsphinx") is not None


def find_phones(samples: np.ndarray) -> list[Phone]:
    """Phones of English speech, (n,) mono at 16 kHz; empty if none is recognised or pocketsphinx is not installed.

    Recognises the words with pocketsphinx's own US English model, then aligns their phones with the sound.
    """
    if not is_available():
        return []
    from pocketsphinx import Decoder

    loudest = max(float(np.abs(samples).max(initial=0.0)), 1e-3)
    pcm = (samples / loudest * 0.8 * 32767).astype(np.int16).tobytes()
    decoder = Decoder(samprate=SPEECH_RATE, loglevel="FATAL")

    def listen() -> None:
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()

    listen()
    words = decoder.hyp()
    if words is None or not words.hypstr.strip():
        return []
    decoder.set_align_text(words.hypstr)
    try:
        listen()
        decoder.set_alignment()
        listen()
    except RuntimeError:
        # The words do not fit the sound (noise, a foreign language): no phones can be found.
        return []
    rate = decoder.config["frate"]
    return [
        Phone(phone.name, phone.start / rate, (phone.start + phone.duration) / rate)
        for word in decoder.get_alignment()
        for phone in word
    ]


def openings_at_phones(
    phones: Sequence[Phone], times_s: np.ndarray, rendered: np.ndarray, recorded: np.ndarray
) -> np.ndarray:
    """(T, 4) what `contrast` is made of: least opening at a bilabial, rendered and recorded, and largest opening at an
    open vowel, rendered and recorded, each in the row of a frame that is shown while the phone sounds; elsewhere NaN.

    rendered, recorded: (T,) lip opening at times_s (T,), NaN where no face was found.
    """
    rows = np.full((len(times_s), 4), np.nan)
    usable = np.isfinite(rendered) & np.isfinite(recorded)
    for names, column, extreme in ((BILABIALS, 0, np.min), (OPEN_VOWELS, 2, np.max)):
        for phone in phones:
            at = np.flatnonzero(_around(phone, times_s) & usable) if phone.name in names else ()
            free = [frame for frame in at if np.isnan(rows[frame, column])]
            if free:
                rows[free[len(free) // 2], column : column + 2] = extreme(rendered[at]), extreme(recorded[at])
    return rows


def contrast(rows: np.ndarray) -> float:
    """How well closures close: 1 as the recorded lips, 0 no closing at all, above 1 more than recorded.

    rows: (N, 4) of `openings_at_phones`. Mean opening at open vowels minus mean least opening at bilabials, rendered
    against recorded. NaN when there are none, no vowels, or the recorded lips show no contrast.
    """
    closed, vowels = (part[np.isfinite(part[:, 0])] for part in (rows[:, :2], rows[:, 2:]))
    if not len(closed) or not len(vowels):
        return float("nan")
    rendered, recorded = vowels.mean(axis=0) - closed.mean(axis=0)
    return float(rendered / recorded) if recorded > 1e-3 else float("nan")


def count(rows: np.ndarray) -> float:
    """The number of bilabials in rows of `openings_at_phones`."""
    return float(np.isfinite(rows[:, 0]).sum())


def _around(phone: Phone, times_s: np.ndarray) -> np.ndarray:
    """(T,) bool: the frames shown while a phone sounds, or a moment before or after."""
    return (times_s >= phone.start_s - REACH_S) & (times_s <= phone.end_s + REACH_S)
