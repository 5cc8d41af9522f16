"""The sounds of English speech and when they are spoken, found by pocketsphinx where it is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np

from backend.media.audio import SPEECH_RATE


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
