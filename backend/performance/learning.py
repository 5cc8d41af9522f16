"""Learning a speaker's voice from the footage: the speech model that is stored beside a portrait's weights."""

from __future__ import annotations

import numpy as np

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import SPOKEN_CURVES, ordered_curves
from backend.performance.speech import SpeechModel
from backend.settings import SpeechSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.files import replacing
from shared.jobs import Reporter


def learn_speech(
    subject: Subject, folder: ModelFolder, frames: np.ndarray, report: Reporter, settings: SpeechSettings | None = None
) -> SpeechModel:
    """Learn audio to curves from `frames` (N,) of the footage, counted from 0, and keep it in the model's folder.

    Frames in which the face was not found are left out. Raises InputError as SpeechModel.fit does.
    """
    track = subject.track()
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    seen = frames[track.confidence[frames] > 0]
    sound = features.of_frames(track.times_s, frames)
    spoken = ordered_curves(track, SPOKEN_CURVES)[seen]
    model = SpeechModel.fit(features, spoken, track.times_s[seen], settings, report, sound, SPOKEN_CURVES)
    heard = np.full((track.frame_count, len(SPOKEN_CURVES)), np.nan, np.float32)
    heard[seen] = model.heard
    with replacing(folder.heard_file) as temporary, open(temporary, "wb") as file:
        np.save(file, heard)
    model.save(folder.speech_file)
    return model


def load_heard(folder: ModelFolder) -> np.ndarray:
    """(T, 27) float32 speech curves of the footage as predicted from its sound, each frame without having been learned
    from; NaN in frames that were left out. Raises InputError if the file cannot be read."""
    path = folder.heard_file
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}).", "Train anew.") from error
