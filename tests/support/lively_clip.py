"""A clip of invented motion and sound, whose head nods and whose brows rise on loud syllables, or do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from backend import rotations
from backend.media.audio_features import AudioFeatures, log_mel
from backend.performance.curves import FACE_CURVES
from backend.performance.manner import Manner
from backend.performance.stress import smooth, stress_of
from backend.performance.voice import Voice
from backend.subject.subject import Subject
from shared import layout

RATE = 16000
FPS = Fraction(25)
NOD = 0.03
"""Radians that the head nods for a unit of stress."""
BROW_IN_BLINK = 0.3
"""How far a brow goes down with the lids."""
CLOSED = 0.7
"""How far the lids close in a blink."""


def spoken(seconds: float, seed: int, pause_every: int = 9) -> np.ndarray:
    """(n,) float32: syllables of noise of a fifth of a second, every third one louder, with pauses of half a second
    and more between phrases."""
    draw = np.random.default_rng(seed)
    pieces: list[np.ndarray] = []
    count = 0
    while sum(len(piece) for piece in pieces) < seconds * RATE:
        syllable = draw.standard_normal(RATE // 5) * np.hanning(RATE // 5)
        pieces.append(syllable * (0.3 if draw.uniform() < 0.35 else 0.05))
        pieces.append(1e-4 * draw.standard_normal(RATE // 25))
        count += 1
        if count % pause_every == 0:
            pieces.append(1e-4 * draw.standard_normal(round(draw.uniform(0.45, 0.9) * RATE)))
    return np.concatenate(pieces)[: round(seconds * RATE)].astype(np.float32)


@dataclass
class LivelyClip:
    """T frames at FPS."""

    poses: np.ndarray
    """(T, 4, 4)"""
    body: np.ndarray
    """(T, 2)"""
    curves: np.ndarray
    """(T, 51)"""
    features: AudioFeatures

    @property
    def manner(self) -> Manner:
        return Manner.of(self.poses, self.body, self.curves, float(FPS), self.features)


def lively_clip(seconds: float = 20.0, linked: bool = True, seed: int = 1) -> LivelyClip:
    """A person who looks at the camera while the head moves, and blinks every 2.5 s; `linked`: whether the head nods
    and the brows rise with the voice."""
    count = round(seconds * FPS)
    draw = np.random.default_rng(seed)
    times_s = np.arange(count) / float(FPS)
    features = log_mel(spoken(seconds, seed + 100), RATE)
    drift = smooth(draw.standard_normal((count + 200, 8)), 12.0)[100:-100]
    drift = drift / drift.std(axis=0)
    said = features if linked else log_mel(spoken(seconds, seed + 200), RATE)
    stressed = stress_of(said, Voice.of(said)).contrast_at(times_s + 0.1, (-2.0, 2.0))
    turns = drift[:, :3] * [0.03, 0.06, 0.03]
    turns[:, 0] += NOD * stressed
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = np.diag([1.0, -1.0, -1.0]) @ rotations.to_matrix(rotations.from_vector(turns))
    poses[:, :3, 3] = drift[:, 3:6] * 0.4 + [0.0, 0.0, 60.0]
    curves = np.full((count, len(FACE_CURVES)), 0.05)
    curves[:, FACE_CURVES.index("browInnerUp")] = 0.3 + 0.05 * drift[:, 6] + 0.1 * stressed
    closure = np.zeros(count)
    for start in np.arange(1.0, seconds - 0.5, 2.5):
        closure = np.maximum(closure, np.clip(1.5 - np.abs(times_s - start) / 0.08, 0.0, 1.0))
    sideways = -1.0 * turns[:, 1] + 0.05 * np.sign(drift[:, 7]) * (np.abs(drift[:, 7]) > 1.0)
    upwards = 1.0 * turns[:, 0]
    for names, values in (
        (("eyeLookOutLeft", "eyeLookInRight"), sideways), (("eyeLookInLeft", "eyeLookOutRight"), -sideways),
        (("eyeLookUpLeft", "eyeLookUpRight"), upwards), (("eyeLookDownLeft", "eyeLookDownRight"), -upwards),
    ):  # fmt: skip
        for name in names:
            curves[:, FACE_CURVES.index(name)] = 0.3 + values
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        curves[:, FACE_CURVES.index(name)] = 0.1 + (CLOSED - 0.1) * closure
    curves[:, FACE_CURVES.index("browDownLeft")] = 0.2 + BROW_IN_BLINK * closure
    return LivelyClip(poses, drift[:, 3:5], np.clip(curves, 0.0, 1.0).astype(np.float32), features)


def make_lively(subject: Subject, seconds: float = 12.0) -> LivelyClip:
    """Give a subject the motion and the sound of a lively clip; its pictures stay what they are."""
    clip = lively_clip(seconds)
    count = len(clip.poses)
    known = subject.track()
    again = np.arange(count) % known.frame_count
    repeated = {
        name: getattr(known, name)[again] for name in ("landmarks", "blendshapes", "reprojection_px", "landmark_poses")
    }
    track = replace(
        known, **repeated, camera_from_head=clip.poses, body=clip.body.astype(np.float32), curves=clip.curves,
        curve_names=np.array(FACE_CURVES), times_s=np.arange(count) / float(FPS),
        confidence=np.ones(count, np.float32),
    )  # fmt: skip
    track.save(subject.root / layout.TRACK_FILE)
    clip.features.save(subject.root / layout.AUDIO_FEATURES_FILE)
    return clip
