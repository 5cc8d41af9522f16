"""What drives the portrait while it trains: the footage's own performance, or the one that audio predicts."""

from __future__ import annotations

import numpy as np

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.subject import Track
from backend.train.data import TrainingData
from shared import layout

__all__ = ["ordered_curves", "speech_mask", "subject_audio", "true_drive"]


def ordered_curves(track: Track) -> np.ndarray:
    """(T, K) the track's true curves in the order of performance.curves.CURVE_NAMES."""
    names = [str(name) for name in track.curve_names]
    return track.curves[:, [names.index(name) for name in CURVE_NAMES]]


def speech_mask() -> np.ndarray:
    """(K,) which of CURVE_NAMES are speech curves."""
    return np.array([name in SPEECH_CURVES for name in CURVE_NAMES])


def subject_audio(data: TrainingData) -> AudioFeatures:
    """The log-mel features of the footage's sound."""
    return AudioFeatures.load(data.subject.root / layout.AUDIO_FEATURES_FILE)


def true_drive(portrait: Portrait, data: TrainingData) -> Drive:
    """The footage's own curves, poses, body motion and (for the baseline) sound, all frames."""
    audio = None
    if portrait.needs_audio:
        audio = audio_windows(subject_audio(data), data.track.times_s, portrait.settings)
    track = data.track
    return portrait.drive(ordered_curves(track), track.camera_from_head, float(data.subject.fps), audio, track.body)
