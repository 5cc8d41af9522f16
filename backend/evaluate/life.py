"""Figures of a line's life beside those of the clip that it is taken from: how far, how fast, how often."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend import rotations
from backend.deliver.motion import manner_of, motion_of_line
from backend.media.audio import read_audio
from backend.media.audio_features import log_mel
from backend.performance.blinks import LIDS, blinking_of
from backend.performance.curves import UPPER, ordered_curves
from backend.performance.gaze import SIDEWAYS
from backend.performance.poses import to_vectors
from backend.performance.voice import Voice
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared.timing import frame_count

_BROWS = slice(0, 5)
"""Where the brows lie among the upper curves."""
_RESTING = 0.005
"""Eyes that move by less than this a frame rest, in units of the curves."""


def life_figures(subject: Subject, sounds: Sequence[Path], seeds: int, poses_by: str = "refined") -> dict[str, dict]:
    """`clip` and `life`, figures of the footage and of all lines with seeds 0 to `seeds` - 1, at the footage's rate.

    Degrees, seconds, and curves' units; every figure is a float. `link` has, by column (pitch, yaw, roll, x, y, z and
    the largest of the brows), how sure it is that it goes with stress, 0 to 1. Raises InputError for unreadable files.
    """
    track = subject.track().posed_by(poses_by)
    fps = subject.fps
    manner = manner_of(subject, track)
    vectors, _ = to_vectors(track.camera_from_head)
    clip = _figures([(vectors, ordered_curves(track)[:, UPPER])], fps)
    lines = []
    for sound in sounds:
        samples, rate = read_audio(sound)
        features = log_mel(samples, rate)
        count = frame_count(len(samples), rate, fps)
        for seed in range(seeds):
            settings = RenderSettings(seed=seed)
            motion = motion_of_line(subject, track, settings, fps, count, features, Voice.of(features))
            lines.append((_about(motion.poses, manner.reference), motion.upper))
    link = dict(zip(("pitch", "yaw", "roll", "x", "y", "z"), (float(s) for s in manner.share[:6]), strict=True))
    link["brows"] = float(manner.share[manner.face][_BROWS].max())
    return {"clip": clip, "life": _figures(lines, fps), "link": link}


def _about(poses: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(T, 6) vectors of poses (T, 4, 4) about a given reference."""
    turns = rotations.multiply(rotations.inverse(reference), rotations.from_matrix(poses[:, :3, :3]))
    return np.concatenate([rotations.to_vector(turns), poses[:, :3, 3]], axis=1)


def _figures(lines: Sequence[tuple[np.ndarray, np.ndarray]], fps: Fraction) -> dict[str, float]:
    """Of pose vectors (T, 6) and upper curves (T, 24) of one or more lines."""
    rate = float(fps)
    turns = [np.degrees(vectors[:, :3]) for vectors, _ in lines]
    speed, change = (
        np.concatenate([np.linalg.norm(np.diff(t, order, axis=0), axis=1) * rate**order for t in turns])
        for order in (1, 2)
    )
    together = np.concatenate(turns)
    seconds = sum(len(t) for t in turns) / rate
    upper = [np.asarray(curves, np.float64) for _, curves in lines]
    blinking = [blinking_of(curves, rate)[0] for curves in upper]
    sideways = [0.5 * (u[:, SIDEWAYS[0]] + u[:, SIDEWAYS[1]] - u[:, SIDEWAYS[2]] - u[:, SIDEWAYS[3]]) for u in upper]
    jumps = np.concatenate([np.abs(np.diff(s)) for s in sideways])
    return {
        **{f"{name}_deviation": float(together[:, k].std()) for k, name in enumerate(("pitch", "yaw", "roll"))},
        **{f"{name}_range": float(np.ptp(together[:, k])) for k, name in enumerate(("pitch", "yaw", "roll"))},
        **{f"speed_{n}": float(np.percentile(speed, n)) for n in (50, 95, 100)},
        **{f"acceleration_{n}": float(np.percentile(change, n)) for n in (50, 95, 100)},
        "blinks_a_minute": 60 * sum(b.count for b in blinking) / seconds,
        "lids_closed": float(np.percentile(np.concatenate([u[:, LIDS].mean(axis=1) for u in upper]), 99.5)),
        "brows_deviation": float(np.concatenate(upper)[:, _BROWS].std(axis=0).max()),
        "gaze_deviation": float(np.concatenate(sideways).std()),
        "gaze_resting": float((jumps < _RESTING).mean()),
    }
