"""The part of training that is about sound: the speech model beside a portrait's weights."""

from __future__ import annotations

from pathlib import Path

from backend.media.audio_features import AudioFeatures
from backend.performance.speech import SpeechModel
from backend.settings import SpeechSettings
from backend.subject import Subject
from backend.train.driving import ordered_curves
from shared import layout
from shared.jobs import Reporter


def learn_speech(
    subject: Subject, folder: Path, trained_frames: int, report: Reporter, settings: SpeechSettings | None = None
) -> SpeechModel:
    """Learn audio to curves from the first `trained_frames` frames of the footage, and keep it in the model's folder.

    Frames in which the face was not found teach nothing. Raises InputError as SpeechModel.fit does.
    """
    track = subject.track()
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    seen = (track.confidence > 0) & (track.times_s <= track.times_s[trained_frames - 1])
    model = SpeechModel.fit(features, ordered_curves(track)[seen], track.times_s[seen], settings, report)
    model.save(folder)
    return model
