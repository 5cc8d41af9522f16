"""Learning a speaker's voice from the footage: the speech model that is stored beside a portrait's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import SPEECH_CURVES, SPOKEN_CURVES, ordered_curves, spoken_names
from backend.performance.speech import SpeechModel
from backend.settings import SpeechSettings
from backend.subject.model_folder import ModelFolder, waiting_file
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.files import replacing, require_file
from shared.jobs import Reporter

_ANEW = "Train anew."


def learn_speech(
    subject: Subject,
    folder: ModelFolder,
    frames: np.ndarray,
    report: Reporter,
    settings: SpeechSettings | None = None,
    *,
    is_alone: bool = True,
    lip_curves: bool = False,
) -> SpeechModel:
    """Learn audio to curves from `frames` (N,) of the footage, counted from 0, and keep it in the model's folder.

    is_alone: as the model's own at once; else it waits for the portrait that will be published (ModelFolder.publish).
    lip_curves: whether it tells the lips' own curves, too.

    Frames in which the face was not found are left out. Raises InputError as SpeechModel.fit does.
    """
    track = subject.track()
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    seen = frames[track.confidence[frames] > 0]
    sound = features.of_frames(track.times_s, frames)
    names = spoken_names(lip_curves)
    spoken = ordered_curves(track, names)[seen]
    model = SpeechModel.fit(features, spoken, track.times_s[seen], settings, report, sound, names)
    heard = np.full((track.frame_count, len(names)), np.nan, np.float32)
    heard[seen] = model.heard
    as_named = Path if is_alone else waiting_file
    with replacing(as_named(folder.heard_file)) as temporary, open(temporary, "wb") as file:
        np.save(file, heard)
    model.save(as_named(folder.speech_file))
    return model


def load_heard(folder: ModelFolder, frame_count: int) -> np.ndarray:
    """(T, 27) float32 speech curves, (T, 32) with the lips' own, of the footage of T frames as predicted from its
    sound, each frame without having been learned from; NaN in frames that were left out. What waits to be published
    comes first. Raises InputError if the file cannot be read."""
    path = folder.newest_heard_file
    require_file(path, _ANEW)
    try:
        heard = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}).", _ANEW) from error
    shapes = [(frame_count, len(names)) for names in (SPOKEN_CURVES, SPEECH_CURVES)]
    if not isinstance(heard, np.ndarray) or heard.dtype != np.float32 or heard.shape not in shapes:
        raise InputError(f"{path} does not hold what it should.", _ANEW)
    return heard


def unusable_speech(folder: ModelFolder, frame_count: int) -> str | None:
    """Why the voice that a model's folder holds cannot be used for training on T frames; None where it can."""
    try:
        SpeechModel.load(folder.newest_speech_file)
        load_heard(folder, frame_count)
    except InputError as error:
        return error.what
    return None
