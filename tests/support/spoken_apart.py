"""Lines of eSpeak that are the same whatever was spoken before them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from backend.presenter.speech import SpokenLine, speak


def speak_apart(text: str, voice: str) -> SpokenLine:
    """A line with its phonemes in IPA, by a process of its own: what the library has said changes what it says next."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        return apart.submit(speak, text, voice, ipa=True).result()
