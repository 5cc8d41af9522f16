"""A person's manner, as a clip shows it: how head, body and brows move while speaking, and what stress does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.exact import product
from backend.media.audio_features import AudioFeatures
from backend.performance.blinks import Blinking, blinking_of
from backend.performance.curves import UPPER, UPPER_CURVES
from backend.performance.gaze import SIDEWAYS, UPWARDS, GazeModel, gaze_of
from backend.performance.poses import most_usual, to_vectors
from backend.performance.stress import RATE_HZ, SYLLABLE_S, Stress, smooth, stress_of
from backend.performance.voice import Voice

FACE = [k for k in range(len(UPPER_CURVES)) if k not in (*SIDEWAYS, *UPWARDS)]
"""The upper curves that are neither gaze nor lids: brows, cheeks, nose, squinting."""
HEAD = slice(0, 6)
"""Where a motion's pose vectors lie: radians and cm (poses.to_vectors)."""
LAGS_S = (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4)
"""How much later than a motion the stress may be heard that goes with it."""
SHORTEST_CLIP_S = 4.0
"""A shorter clip tells nothing of how a head moves."""
_SLOW_S = 1.0
"""What is slower than this does not go with single syllables."""
_JITTER_S = 0.04
"""Deviation of the window that takes out tracking noise."""
_PARTS = 5
"""Parts of a clip that are predicted from the others."""
_GAP_S = 0.5
"""Frames this near to a part are not learned from either."""
_RIDGE = 0.9
"""Ridge, as a share of the stress's own variance."""
_INDEPENDENT_HZ = 1.5
"""Independent values a second of such motion."""
_CHANCE = 2.0
"""A correlation counts by how far its square is above so many times what chance gives."""
_OUTERMOST = 1.0
"""Per cent of the frames on either side that do not count for the range."""


@dataclass(frozen=True)
class Manner:
    """How a person moves. A motion has D columns: 6 of the head (HEAD), K of the body, then those of FACE."""

    fps: float
    motion: np.ndarray
    """(T, D) what moved in the clip, less what went with stress."""
    rest: np.ndarray
    """(D,) at rest: the recorded pose nearest to the mean, the body there, the usual face."""
    low: np.ndarray
    high: np.ndarray
    """(D,) range of the clip, without its outermost frames; holds the rest."""
    gain: np.ndarray
    """(L, D) what stress, heard LAGS_S later, adds; 0 in columns that do not go with it."""
    share: np.ndarray
    """(D,) how sure that is, 0 to 1."""
    contrast: tuple[float, float]
    """Least and most stress of the clip."""
    loudness: np.ndarray
    """(M,) the clip's syllables, on the grid of stress.RATE_HZ."""
    reference: np.ndarray
    """(4,) rotation that the head's vectors are about, a quaternion (w, x, y, z)."""
    blinking: Blinking
    gaze: GazeModel

    @property
    def body(self) -> slice:
        return slice(6, self.rest.shape[0] - len(FACE))

    @property
    def face(self) -> slice:
        return slice(self.rest.shape[0] - len(FACE), self.rest.shape[0])

    @property
    def seconds(self) -> float:
        """How long the clip is; 0 where it is too short to tell how a head moves."""
        seconds = len(self.motion) / self.fps
        return seconds if seconds >= SHORTEST_CLIP_S else 0.0

    @classmethod
    def of(cls, poses: np.ndarray, body: np.ndarray, curves: np.ndarray, fps: float, features: AudioFeatures) -> Manner:
        """From a clip: camera_from_head (T, 4, 4), body curves (T, K), true curves (T, 51), and its sound in sync."""
        vectors, reference = to_vectors(poses)
        usual = most_usual(poses)
        blinking, open_eyed = blinking_of(curves[:, UPPER], fps)
        seen = ~blinking.during if not blinking.during.all() else np.ones(len(curves), bool)
        motion = np.concatenate([vectors, body, open_eyed[:, FACE]], axis=1)
        rest = np.concatenate([vectors[usual], body[usual], np.median(open_eyed[:, FACE], axis=0)])
        low, high = np.percentile(motion, [_OUTERMOST, 100 - _OUTERMOST], axis=0)
        sound = stress_of(features, Voice.of(features))
        gain, share = np.zeros((len(LAGS_S), len(rest))), np.zeros(len(rest))
        if len(motion) / fps >= SHORTEST_CLIP_S:
            heard = heard_stress(sound, np.arange(len(motion)) / fps, _range(sound))
            gain, share = _fitted(heard, motion, fps)
            motion = smooth(motion - product(heard, gain), _JITTER_S * fps, hold=True)
        return cls(
            fps, motion, rest, np.minimum(low, rest), np.maximum(high, rest), gain, share, _range(sound),
            smooth(sound.loudness, SYLLABLE_S * RATE_HZ), reference, blinking,
            gaze_of(open_eyed, vectors[:, :3], seen),
        )  # fmt: skip

    def accents(self, stress: Stress, times_s: np.ndarray) -> np.ndarray:
        """(N, D) what a line's stress adds at `times_s`."""
        return product(heard_stress(stress, times_s, self.contrast), self.gain)


def heard_stress(stress: Stress, times_s: np.ndarray, within: tuple[float, float]) -> np.ndarray:
    """(N, L) the stress LAGS_S after `times_s`, held within a range."""
    heard_s = np.asarray(times_s, np.float64)[:, None] + np.array(LAGS_S)
    return stress.contrast_at(heard_s.ravel(), within).reshape(heard_s.shape)


def _range(stress: Stress) -> tuple[float, float]:
    return float(stress.contrast.min()), float(stress.contrast.max())


def _fitted(heard: np.ndarray, motion: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Gain (L, D) of stress on motion, and how sure it is (D,): by parts of the clip that were not learned from.

    Only motion as fast as syllables counts. A column's gain is multiplied by the slope of what moved on what was
    predicted, and by how far their correlation is beyond chance: a clip of 5 s must correlate by 0.5 to count at all,
    one of 20 s by 0.26.
    """
    fast = smooth(motion, SYLLABLE_S * fps, hold=True) - smooth(motion, _SLOW_S * fps, hold=True)
    frames = np.arange(len(motion))
    part = frames * _PARTS // len(motion)
    predicted = np.zeros_like(fast)
    for number in range(_PARTS):
        inside = np.flatnonzero(part == number)
        apart = (frames < inside[0] - _GAP_S * fps) | (frames > inside[-1] + _GAP_S * fps)
        predicted[inside] = product(heard[inside], _ridge(heard[apart], fast[apart]))
    both, squared, moved = (np.cumsum(v, axis=0)[-1] for v in (predicted * fast, predicted**2, fast**2))
    alike = both * both / np.maximum(squared * moved, 1e-30)
    by_chance = _CHANCE / max(_INDEPENDENT_HZ * len(motion) / fps, 1.0)
    beyond = np.clip(1.0 - by_chance / np.maximum(alike, 1e-12), 0.0, 1.0)
    share = np.where(both > 0, np.clip(both / np.maximum(squared, 1e-30), 0.0, 1.0) * beyond, 0.0)
    return _ridge(heard, fast) * share, share


def _ridge(heard: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(L, D) least squares of motion (T, D) on stress (T, L), drawn to none."""
    scatter, wanted = product(heard.T, heard), product(heard.T, moved)
    ridge = _RIDGE * float(np.cumsum(scatter.diagonal())[-1]) / len(scatter) + 1e-12
    return _solved(scatter + ridge * np.eye(len(scatter)), wanted)


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solution of a small positive definite system, by elimination: LAPACK has other bits on every machine."""
    matrix, right = matrix.copy(), right.copy()
    count = len(matrix)
    for pivot in range(count):
        for row in range(pivot + 1, count):
            factor = matrix[row, pivot] / matrix[pivot, pivot]
            matrix[row] = matrix[row] - factor * matrix[pivot]
            right[row] = right[row] - factor * right[pivot]
    for pivot in reversed(range(count)):
        for row in range(pivot + 1, count):
            right[pivot] = right[pivot] - matrix[pivot, row] * right[row]
        right[pivot] = right[pivot] / matrix[pivot, pivot]
    return right
