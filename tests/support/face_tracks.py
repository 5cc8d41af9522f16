"""Measured faces made up for tests."""

from __future__ import annotations

import numpy as np

from backend.evaluate.faces import FaceTrack
from backend.performance.curves import FACE_CURVES


def face_track(frames: int = 6, seed: int = 3) -> FaceTrack:
    rng = np.random.default_rng(seed)
    return FaceTrack(rng.uniform(50, 200, (frames, 478, 3)), rng.random((frames, len(FACE_CURVES))))


def moved(track: FaceTrack, shift: np.ndarray) -> FaceTrack:
    return FaceTrack(track.landmarks + shift, track.expression.copy())


def without(track: FaceTrack, *frames: int) -> FaceTrack:
    """The same with no face found in some frames."""
    landmarks, expression = track.landmarks.copy(), track.expression.copy()
    landmarks[list(frames)], expression[list(frames)] = np.nan, np.nan
    return FaceTrack(landmarks, expression)


def speech_like(rng: np.random.Generator, frames: int, draws: int = 1) -> np.ndarray:
    """(draws, frames) random motion of unit spread, as smooth in time as that of lips at 25 frames/s."""
    noise = rng.standard_normal((draws, frames + 4))
    weights = np.array([0.25, 0.75, 1.0, 0.75, 0.25])
    windows = np.lib.stride_tricks.sliding_window_view(noise, len(weights), axis=1)
    return windows @ (weights / np.linalg.norm(weights))
