"""What drives the portrait while it trains: the footage's own performance, and its prediction from sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import CURVE_NAMES, SPOKEN_CURVES, ordered_curves
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.train.data import TrainingData
from backend.train.draws import Draw, generator
from shared import layout


def subject_audio(data: TrainingData) -> AudioFeatures:
    """The log-mel features of the footage's sound."""
    return AudioFeatures.load(data.subject.root / layout.AUDIO_FEATURES_FILE)


def training_sound(data: TrainingData) -> AudioFeatures:
    """The vectors of that sound that were heard while frames of the training part were shown; for statistics."""
    return subject_audio(data).of_frames(data.track.times_s, data.split.training)


def true_drive(portrait: Portrait, data: TrainingData) -> Drive:
    """The footage's own curves, poses, body motion and (for the baseline) sound, all frames."""
    audio = None
    if portrait.needs_audio:
        audio = audio_windows(subject_audio(data), data.track.times_s, portrait.settings)
    track = data.track
    curves = ordered_curves(track, portrait.curve_names)
    return portrait.drive(curves, track.camera_from_head, float(data.subject.fps), audio, track.body)


class PredictedSpeech:
    """Speech curves with the errors of a prediction from sound, for a share of the training steps.

    A new line drives the portrait with curves predicted from its sound, not with the lips' true ones. Fields that were
    trained on true curves alone follow every error of a prediction. So a share of the steps goes part of the way from
    the footage's curves to the out-of-fold predictions of the same frames (SpeechModel.heard).
    Stateless: step and seed alone decide, so a resumed run draws the same.
    """

    def __init__(self, heard: np.ndarray, share: float, seed: int) -> None:
        """heard: (T, 32) predicted SPOKEN_CURVES, NaN in frames without any; share: of the steps, in [0, 1]."""
        self._heard, self._share, self._seed = torch.from_numpy(heard), share, seed
        self._known = np.isfinite(heard).all(axis=1)
        # Models of older versions know nothing of the lips' own curves.
        self._columns = [CURVE_NAMES.index(name) for name in SPOKEN_CURVES[: heard.shape[1]]]

    def drive(self, true: Drive, frame: int, step: int) -> Drive:
        """Frame `frame` of the true drive alone (T is 1), with the speech curves that step `step` trains on."""
        alone = true.only(frame)
        chance, way = generator(self._seed, step, Draw.HEARD).random(2)
        if chance >= self._share or not self._known[frame]:
            return alone
        curves = alone.curves.clone()
        told = curves[:, self._columns]
        curves[:, self._columns] = told + float(way) * (self._heard[frame].to(curves.device) - told)
        return replace(alone, curves=curves)
