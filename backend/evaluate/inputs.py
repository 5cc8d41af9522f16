"""What drives the head that is scored: what the sound tells from the model, what it does not tell from the footage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from backend.media.audio_features import AudioFeatures
from backend.performance.curves import CURVE_NAMES, UPPER, ordered_curves, require_known
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.settings import EvaluateSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.split import Split
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import layout

BLINKS = [CURVE_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]


def handed_over(track: Track, fps: float, smooth_s: float) -> np.ndarray:
    """(T, K) the footage's curves as the head is given them, beside the speech curves: those of the upper face.

    Blinks are as recorded. Brows, gaze, lids, cheeks and nose keep what is slow in them, by a Gaussian of deviation
    `smooth_s` seconds (0: all of it): what is fast in them moves with the lips (evaluate.leak).
    """
    curves = ordered_curves(track)
    slow = np.setdiff1d(np.arange(len(CURVE_NAMES))[UPPER], BLINKS)
    if smooth_s:
        curves[:, slow] = gaussian_filter1d(curves[:, slow], smooth_s * fps, axis=0, mode="nearest")
    return curves


def drives(
    portrait: Portrait, subject: Subject, track: Track, model: ModelFolder, split: Split, settings: EvaluateSettings
) -> dict[str, Drive]:
    """Drives of the whole clip: "driven" by sound or track; "static", held at the mean performance; "following", as
    driven, with a body that follows the head (only for a portrait with body curves).

    Curves of the upper face are those of `handed_over`. Means are those of the frames that the model learned from, and
    the voice is normalised by their sound, as when it was learned.
    """
    fps = float(subject.fps)
    curves = handed_over(track, fps, settings.smooth_s)
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    learned = split.training
    still = np.tile(curves[learned].mean(axis=0), (len(curves), 1))
    windows = still_windows = None
    if portrait.needs_audio:
        windows = audio_windows(features, track.times_s, portrait.settings)
        still_windows = np.tile(windows[learned].mean(axis=0), (len(windows), 1, 1, 1))
    elif settings.driven_by == "audio":
        voice = Voice.of(features.of_frames(track.times_s, learned))
        speech = SpeechModel.load(model.speech_file)
        if settings.strength and voice is not None:
            voice = replace(voice, reach=speech.reach_of(features, voice))
        told = [CURVE_NAMES.index(name) for name in speech.curve_names]
        curves[:, told] = speech.predict_array(features, track.times_s, voice, settings.strength)
    require_known(portrait.curve_names)
    known = [CURVE_NAMES.index(name) for name in portrait.curve_names]
    curves, still = curves[:, known], still[:, known]
    made = {
        "driven": portrait.drive(curves, track.camera_from_head, fps, windows, track.body),
        "static": portrait.drive(still, track.camera_from_head, fps, still_windows, track.body),
    }
    if portrait.sizes.body:
        made["following"] = portrait.drive(curves, track.camera_from_head, fps, windows)
    return made
