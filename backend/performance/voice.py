"""How a voice sounds, and sound made independent of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backend.exact import log
from backend.media.audio_features import FLOOR, MELS, AudioFeatures
from backend.performance.curves import SPEECH_CURVES, SPOKEN_CURVES
from shared.errors import InputError

_ACTIVE_NATS = 5.0
"""Sound within this many nats of the loud parts counts as voice."""
_BLOCK = 4096
"""Vectors that are copied at a time."""
_SAME_VOICE = 0.3
"""How far a voice may move from the one that a line was first normalised by, in its bands' deviations (root mean
square).
A word edited in a line of 20 s moves it by some hundredths, another speaker or microphone by a half or more."""


@dataclass(frozen=True)
class Reach:
    """How a line's mouth is brought to where the speaker's own moves, and as far."""

    mean: np.ndarray
    """(K,) by which the line's spoken curves lie too high."""
    scale: float
    """By which they are to move further."""


@dataclass(frozen=True)
class Voice:
    """How a line's voice sounds: statistics of the mel bands while it does."""

    mean: np.ndarray
    """(80,) mean log-mel."""
    deviation: np.ndarray
    """(80,) standard deviation, kept off zero."""
    seconds: float
    """For how long it sounds."""
    reach: Reach | None = None
    """None where it is not known (performance.speech measures it), and in takes of older versions."""

    @classmethod
    def of(cls, features: AudioFeatures) -> Voice | None:
        """The voice of a line; None in silence."""
        loudness = features.log_mel.mean(axis=1)
        active = np.flatnonzero(loudness > _loudness_of_voice(loudness))
        if not len(active):
            return None
        mean = _sum_of(features.log_mel, active) / len(active)
        deviation = np.sqrt(_sum_of(features.log_mel, active, mean) / len(active))
        return cls(mean, deviation + 0.3, len(active) / features.rate_hz)

    def is_like(self, other: Voice) -> bool:
        """Whether a line that was normalised by this voice can keep it, now that its own is `other`."""
        moved = (other.mean - self.mean) / self.deviation
        spread = log(other.deviation / self.deviation)
        return float(np.sqrt((moved**2).mean())) < _SAME_VOICE and float(np.sqrt((spread**2).mean())) < _SAME_VOICE

    def to_dict(self) -> dict:
        values = {"mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "seconds": self.seconds}
        if self.reach is not None:
            values["reach"] = {"mean": self.reach.mean.tolist(), "scale": self.reach.scale}
        return values

    @classmethod
    def from_dict(cls, values: dict) -> Voice:
        """Read what `to_dict` wrote. Raises ValueError, KeyError, TypeError or OverflowError for
        anything else."""
        mean, deviation = (np.array(values[name], np.float32) for name in ("mean", "deviation"))
        if mean.shape != (MELS,) or deviation.shape != (MELS,) or not (deviation > 0).all():
            raise ValueError(f"statistics of shape {mean.shape} and {deviation.shape}, expected ({MELS},)")
        reach = None
        if "reach" in values:
            reach = Reach(np.array(values["reach"]["mean"], np.float64), float(values["reach"]["scale"]))
            if reach.mean.shape not in ((len(SPEECH_CURVES),), (len(SPOKEN_CURVES),)):
                raise ValueError(f"{len(reach.mean)} curves, expected {len(SPOKEN_CURVES)}")
        seconds = float(values["seconds"])
        numbers = [*mean, *deviation, seconds, *([] if reach is None else (*reach.mean, reach.scale))]
        if not np.isfinite(numbers).all() or seconds < 0.0 or (reach is not None and reach.scale <= 0.0):
            raise ValueError("values that no voice has")
        return cls(mean, deviation, seconds, reach)


def loudness_of_voice(features: AudioFeatures) -> float:
    """Mean log-mel above which the voice of a line sounds; infinite in silence."""
    return _loudness_of_voice(features.log_mel.mean(axis=1))


def _loudness_of_voice(loudness: np.ndarray) -> float:
    loud = float(np.percentile(loudness, 95))
    return loud - _ACTIVE_NATS if loud >= np.log(FLOOR) + 0.5 else float("inf")


def _sum_of(log_mel: np.ndarray, rows: np.ndarray, mean: np.ndarray | None = None) -> np.ndarray:
    """(80,) float32 the sum of some rows, or of their squared distances from `mean`: added one after the other, as
    numpy's mean and std add them, of which a few are copied at a time."""
    total: np.ndarray | None = None
    for first in range(0, len(rows), _BLOCK):
        block = log_mel[rows[first : first + _BLOCK]]
        if mean is not None:
            block -= mean
            block *= block
        total = np.add.reduce(block if total is None else np.concatenate([total[None], block]), axis=0)
    assert total is not None
    return total


def voice_of_edited(features: AudioFeatures, first_heard: Voice | None) -> Voice | None:
    """The voice to normalise a line by; None in silence.

    An edited line keeps its first voice while its own is much the same. Otherwise every edit would slightly change the
    scale of the whole line, and with it every frame.
    """
    voice = Voice.of(features)
    return first_heard if voice and first_heard and first_heard.is_like(voice) else voice


class VoiceNormaliser:
    """Log-mel to a voice-independent scale: zero mean, unit deviation of every band while the line's voice sounds.

    A short line says little about its voice, so its statistics are mixed with the training voice's.
    """

    def __init__(self, mean: np.ndarray, deviation: np.ndarray, prior_s: float) -> None:
        self.mean, self.deviation, self.prior_s = mean, deviation, prior_s

    @classmethod
    def fit(cls, features: AudioFeatures, prior_s: float) -> VoiceNormaliser:
        """From the training line. Raises InputError if it is silent."""
        voice = Voice.of(features)
        if voice is None:
            raise InputError("The footage's sound is silent.", "Give its sound as a file with --audio WAV.")
        return cls(voice.mean, voice.deviation, prior_s)

    def apply(self, features: AudioFeatures, voice: Voice | None) -> AudioFeatures:
        """The line on that scale, normalised by `voice` (None: silence)."""
        mean, deviation = self.mean, self.deviation
        if voice is not None:
            weight = voice.seconds / (voice.seconds + self.prior_s)
            mean = mean + weight * (voice.mean - mean)
            deviation = deviation + weight * (voice.deviation - deviation)
        scaled = np.clip((features.log_mel - mean) / deviation, -4.0, 4.0).astype(np.float32)
        return replace(features, log_mel=scaled)
