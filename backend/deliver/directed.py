"""A line as an artist directs it: what the controls of a direction.json make of its motion and of its curves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend import rotations
from backend.deliver.motion import LineMotion, recorded_motion
from backend.performance.curves import Performance, ordered_curves
from backend.performance.direction import Direction, load_direction
from backend.performance.face_range import Range
from backend.performance.poses import most_usual, still_pose
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared.direction import RECORDED, STILL
from shared.files import write_json
from shared.jobs import Reporter

_DECIMALS = 6


@dataclass(frozen=True)
class Directed:
    """A line's direction, and what it makes of the curves."""

    direction: Direction
    curves: Performance
    """As the head shows them; the line's own performance stays as it was."""
    moved: tuple[str, ...]
    """Names of the curves that it moves."""

    def save(self, path: Path) -> None:
        """Write direction.json, through a temporary name."""
        curves = {name: [round(float(v), _DECIMALS) for v in self.curves.curves[name]] for name in self.moved}
        write_json(path, {**self.direction.to_dict(), "curves": curves})


def read_directed(settings: RenderSettings, fps: Fraction, count: int, report: Reporter) -> Direction | None:
    """The direction that the settings name, at a line's frames; None where there is none, or it moves nothing. Raises
    InputError."""
    if settings.direction is None:
        return None
    direction = load_direction(settings.direction, fps, count, report.message)
    return direction if direction.moves_anything() else None


def directed_motion(
    motion: LineMotion, direction: Direction | None, subject: Subject, track: Track, fps: Fraction
) -> LineMotion:
    """A line's motion with its pose blended and its head turned as the controls say.

    Turning leaves the body as it was. Where the body follows the head (no motion of its own), it follows a blended
    pose.
    """
    if direction is None:
        return motion
    count = len(motion.poses)
    still, recorded = direction.at(STILL, count), direction.at(RECORDED, count)
    poses, body = motion.poses, motion.body
    if recorded.any():
        own = recorded_motion(subject, track, fps, count)
        poses = blended(poses, own.poses, recorded)
        body = None if body is None else _mixed(body, own.body, recorded)
    if still.any():
        poses = blended(poses, still_pose(track.camera_from_head, count), still)
        at_rest = track.body[most_usual(track.camera_from_head)]
        body = None if body is None else _mixed(body, at_rest, still)
    return replace(motion, poses=direction.turned(poses), body=body, body_poses=poses)


def directed_curves(
    base: Performance, direction: Direction, track: Track, closed: np.ndarray, resting: np.ndarray | None
) -> Directed:
    """The curves of a line with what the controls add. closed, resting: as `Direction.applied` has them."""
    curves = direction.applied(base, Range.of(ordered_curves(track)), closed, resting)
    moved = tuple(name for name in base.curves if (curves.curves[name] != base.curves[name]).any())
    return Directed(direction, curves, moved)


def blended(poses: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(T, 4, 4) poses part of the way to others, by the shares (T,) in [0, 1]: the shortest turn, the straight way.
    Where the share is 0 they keep their bits."""
    turns, others = (rotations.from_matrix(p[:, :3, :3]) for p in (poses, other))
    between = rotations.to_vector(rotations.multiply(rotations.inverse(turns), others))
    made = poses.copy()
    turned = rotations.multiply(turns, rotations.from_vector(share[:, None] * between))
    made[:, :3, :3] = rotations.to_matrix(turned)
    made[:, :3, 3] = poses[:, :3, 3] + share[:, None] * (other[:, :3, 3] - poses[:, :3, 3])
    return np.where((share == 0)[:, None, None], poses, made)


def _mixed(body: np.ndarray, other: np.ndarray | None, share: np.ndarray) -> np.ndarray:
    """(T, K) motion of a body part of the way to another."""
    if other is None or not body.shape[1]:
        return body
    made = body + share[:, None] * (np.asarray(other, np.float64) - body)
    return np.where((share == 0)[:, None], body, made).astype(body.dtype)
