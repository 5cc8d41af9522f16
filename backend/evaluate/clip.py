"""What is known of frames beside their pictures: when they are shown, how the head moves, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.evaluate.lip_sync import head_motion
from backend.evaluate.phones import Phone, find_phones, is_available
from backend.media.audio import SPEECH_RATE, load_audio
from backend.media.audio_features import AudioFeatures
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import layout

PHONE_CONTEXT_S = 15.0
"""Seconds of sound before the first scored frame that the recogniser gets as well: it needs whole sentences."""


@dataclass(frozen=True)
class Clip:
    """T consecutive frames."""

    times_s: np.ndarray
    """(T,) on the sound's clock, seconds."""
    motion: np.ndarray
    """(T, 6) of the head (lip_sync.head_motion)."""
    features: AudioFeatures
    """Of the whole sound."""
    phones: Sequence[Phone]
    """Of the sound about the frames; none without a recogniser."""

    @classmethod
    def of(cls, subject: Subject, track: Track, phones: Sequence[Phone]) -> Clip:
        """All frames of a subject, with the phones of `phones_about` some of them."""
        features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
        return cls(track.times_s, head_motion(track.camera_from_head), features, phones)

    def part(self, frames: slice) -> Clip:
        """Some frames of it."""
        return replace(self, times_s=self.times_s[frames], motion=self.motion[frames])


def phones_about(subject: Subject, times_s: np.ndarray) -> list[Phone]:
    """Phones of the sound from the first to the last of times_s (N,), on the same clock; none without a recogniser."""
    if not is_available():
        return []
    start = max(0.0, float(times_s[0]) - PHONE_CONTEXT_S)
    first, last = round(start * SPEECH_RATE), round((float(times_s[-1]) + 1.0) * SPEECH_RATE)
    heard = find_phones(load_audio(subject.audio_path, SPEECH_RATE)[first:last])
    return [Phone(phone.name, phone.start_s + start, phone.end_s + start) for phone in heard]
