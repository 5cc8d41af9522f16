"""What drives the portrait while it trains: the footage's own performance, and its prediction from sound."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import CURVE_NAMES, SPOKEN_CURVES, ordered_curves
from backend.performance.learning import learn_speech, unusable_speech
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.settings import TrainSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from backend.train.data import TrainingData
from backend.train.draws import Draw, generator
from shared import layout
from shared.jobs import Reporter


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

    def __init__(self, heard: np.ndarray, share: float, seed: int, curve_names: tuple[str, ...] = CURVE_NAMES) -> None:
        """heard: (T, 32) predicted SPOKEN_CURVES or the first 27 of them, NaN in frames without any; share: of the
        steps, in [0, 1]; curve_names: those of the drive."""
        self._share, self._seed = share, seed
        self._known = np.isfinite(heard).all(axis=1)
        # Models of older versions know nothing of the lips' own curves.
        names = [name for name in SPOKEN_CURVES[: heard.shape[1]] if name in curve_names]
        self._heard = torch.from_numpy(heard[:, : len(names)])
        self._columns = torch.tensor([curve_names.index(name) for name in names])

    def drive(self, true: Drive, frame: int, step: int) -> Drive:
        """Frame `frame` of the true drive alone (T is 1), with the speech curves that step `step` trains on."""
        alone = true.only(frame)
        chance, way = generator(self._seed, step, Draw.HEARD).random(2)
        if chance >= self._share or not self._known[frame]:
            return alone
        curves = alone.curves.clone()
        if self._heard.device != curves.device:  # once: a copy in every step would make a GPU wait
            self._heard, self._columns = self._heard.to(curves.device), self._columns.to(curves.device)
        told = curves[:, self._columns]
        curves[:, self._columns] = told + float(way) * (self._heard[frame] - told)
        return replace(alone, curves=curves)


def learned_voice(
    subject: Subject, model: ModelFolder, frames: np.ndarray, settings: TrainSettings, report: Reporter, *, is_new: bool
) -> float | None:
    """See that the model's folder holds the speaker's voice, learned from `frames` (N,) of the footage, from 0; the
    seconds that learning it took, None where it was there.

    It is learned for a new training, and again where its files are missing or damaged.
    """
    problem = None if is_new else unusable_speech(model, subject.frame_count)
    if problem is not None and model.has_speech:
        report.message(f"{problem} The voice is learned again.")
    if problem is None and not is_new:
        return None
    started = time.perf_counter()
    speech = replace(settings.speech, seed=settings.seed + settings.speech.seed)
    lips = settings.portrait.lip_curves
    learn_speech(subject, model, frames, report, speech, is_alone=False, lip_curves=lips)
    return time.perf_counter() - started
