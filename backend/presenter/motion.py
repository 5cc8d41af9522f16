"""How the presenter moves: mouth from phonemes, head and eyes from slow sums of sines. All of it is ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from backend.presenter.speech import SpokenLine

MOUTH_CURVES = ("jaw", "press", "pucker", "wide", "tuck")
_GRID_HZ = 200
_ANTICIPATION_S = 0.1
"""Seconds by which jaw and lip shapes precede their sound; closures are on time."""

# Mouth targets by phoneme mnemonic without stress and length marks: jaw, press, pucker, wide, tuck, each in [0, 1].
_SILENT = (0.02, 0.1, 0.0, 0.0, 0.0)
_CONSONANT = (0.2, 0.0, 0.0, 0.15, 0.0)
_TARGETS: dict[str, tuple[float, float, float, float, float]] = {
    **dict.fromkeys(("p", "b", "m"), (0.0, 1.0, 0.0, 0.0, 0.0)),
    **dict.fromkeys(("f", "v"), (0.1, 0.0, 0.0, 0.1, 1.0)),
    **dict.fromkeys(("u", "U", "w", "uI"), (0.25, 0.0, 1.0, 0.0, 0.0)),
    **dict.fromkeys(("o", "O", "O@", "oU", "OI"), (0.55, 0.0, 0.8, 0.0, 0.0)),
    **dict.fromkeys(("S", "Z", "tS", "dZ", "r"), (0.2, 0.0, 0.55, 0.0, 0.0)),
    **dict.fromkeys(("a", "A", "A@", "aI", "aU", "0"), (1.0, 0.0, 0.0, 0.15, 0.0)),
    **dict.fromkeys(("V", "3", "@", "@2", "a#", "@L"), (0.5, 0.0, 0.0, 0.1, 0.0)),
    **dict.fromkeys(("e", "E", "e@", "eI"), (0.6, 0.0, 0.0, 0.6, 0.0)),
    **dict.fromkeys(("i", "I", "I2", "i@", "I#"), (0.3, 0.0, 0.0, 0.9, 0.0)),
    **dict.fromkeys(("s", "z", "t", "d", "t#"), (0.12, 0.0, 0.0, 0.35, 0.0)),
    **dict.fromkeys(("", "_", "_:"), _SILENT),
}


@dataclass(frozen=True)
class Motion:
    """What moves, frame by frame (T frames)."""

    mouth: np.ndarray
    """(T, 5) in [0, 1], columns MOUTH_CURVES."""
    blink: np.ndarray
    """(T,) in [0, 1], 1 is closed."""
    gaze: np.ndarray
    """(T, 2) radians, to the picture's right and up."""
    head: np.ndarray
    """(T, 6): yaw, pitch, roll in radians and x, y, z in cm about the resting place, in the camera's picture sense
    (x right, y up, z towards the camera)."""


def mouth_curves(line: SpokenLine, times_s: np.ndarray) -> np.ndarray:
    """(T, 5) mouth curves at `times_s`: phoneme targets, blended as a real mouth would, closures kept."""
    grid = np.arange(int(np.ceil((line.duration_s + 1.0) * _GRID_HZ)) + 1) / _GRID_HZ
    targets = np.tile(np.array(_SILENT), (len(grid), 1))
    ends = [start for start, _ in line.phonemes[1:]] + [line.duration_s]
    for (start, name), end in zip(line.phonemes, ends, strict=True):
        key = name.strip("',:;*")
        targets[(grid >= start) & (grid < end)] = _TARGETS.get(key, _TARGETS.get(key[:1], _CONSONANT))
    smooth = blended(targets, _GRID_HZ)
    return np.stack([np.interp(times_s, grid, column) for column in smooth.T], axis=1)


def blended(targets: np.ndarray, rate_hz: float) -> np.ndarray:
    """(G, 5) what a mouth does that is to reach `targets` (G, 5), columns MOUTH_CURVES, at `rate_hz`: it begins before
    the sound, and passes from one shape into the next; closures are on time and complete."""
    ahead = np.roll(targets, -round(_ANTICIPATION_S * rate_hz), axis=0)
    smooth = gaussian_filter1d(ahead, 0.038 * rate_hz, axis=0, mode="nearest")
    closed = gaussian_filter1d(targets[:, 1], 0.018 * rate_hz, mode="nearest")
    smooth[:, 1] = closed
    smooth[:, 0] *= 1.0 - 0.95 * np.clip(closed * 1.3, 0.0, 1.0)
    return smooth


def presenter_motion(line: SpokenLine, times_s: np.ndarray, seed: int = 0) -> Motion:
    """Motion of the presenter who says `line`: mouth in sync, head and eyes moving. Deterministic for a seed."""
    random = np.random.default_rng(seed)
    amplitudes = np.array([0.19, 0.085, 0.06, 0.9, 0.5, 1.2])
    frequencies = np.array([0.23, 0.31, 0.19, 0.17, 0.27, 0.13])
    head = np.zeros((len(times_s), 6))
    for harmonic, weight in ((1.0, 0.62), (2.3, 0.28), (4.1, 0.1)):
        phase = random.uniform(0, 2 * np.pi, 6)
        head += weight * amplitudes * np.sin(2 * np.pi * harmonic * frequencies * times_s[:, None] + phase)
    blink = np.zeros(len(times_s))
    moment = 0.9
    while moment < times_s[-1] + 0.5:
        blink = np.maximum(blink, np.exp(-(((times_s - moment) / 0.065) ** 2)))
        moment += random.uniform(1.6, 3.4)
    gaze = np.stack([0.10 * np.sin(0.9 * times_s + 1.0) - 0.5 * head[:, 0], 0.05 * np.sin(1.3 * times_s)], axis=1)
    return Motion(mouth_curves(line, times_s), blink, gaze, head)
