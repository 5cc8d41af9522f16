"""Head pose tracks: resampled to any frame rate, and extended beyond their end without a jump.

A track is camera_from_head (T, 4, 4) in cm. For arithmetic it becomes vectors (T, 6): the rotation's logarithm about a
reference (rad) and the position of the head's origin (cm).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backend import rotations
from backend.performance.spline import spline

_RADIAN_CM = 10.0
"""A radian counts as this many cm: the distance from the head's centre to its skin."""
_BLENDS_S = (0.5, 0.8, 1.2, 1.8, 2.5)
"""Lengths over which a difference at a joint is faded out, tried in turn, seconds."""
_RANKS = 6
"""Choices of joints that are tried."""
_CALMS = (1.0, 0.9, 0.8, 0.7, 0.55, 0.4, 0.25)
"""Shares of the head's motion about its mean that the replay keeps, tried in turn: a joint adds motion of its own."""
_AS_CALM = 1 + 1e-9
"""A replay with no larger excess is taken, and the search ends."""
_VELOCITY_S = 0.4
"""Weight of a difference in velocity at a joint, seconds: what it would add up to while it is faded out."""


def to_vectors(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 6) vectors of poses (T, 4, 4), and their reference rotation, the mean, as a quaternion (4,)."""
    turns = rotations.from_matrix(poses[:, :3, :3])
    reference = rotations.mean(turns)
    vectors = rotations.to_vector(rotations.multiply(rotations.inverse(reference), turns))
    return np.concatenate([vectors, poses[:, :3, 3]], axis=1), reference


def from_vectors(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Inverse of `to_vectors`: (T, 4, 4) float64."""
    poses = np.tile(np.eye(4), (len(vectors), 1, 1))
    turns = rotations.multiply(reference, rotations.from_vector(vectors[:, :3]))
    poses[:, :3, :3] = rotations.to_matrix(turns)
    poses[:, :3, 3] = vectors[:, 3:]
    return poses


def resample_poses(poses: np.ndarray, fps: Fraction, to_fps: Fraction, frame_count: int) -> np.ndarray:
    """A track (T, 4, 4) at `fps` shown at the frame times of `to_fps`, by cubic interpolation of rotation and position.

    Frames that fall on frames are kept exactly; the last pose is held beyond the end. Returns (frame_count, 4, 4).
    """
    if fps == to_fps:
        return poses[np.minimum(np.arange(frame_count), len(poses) - 1)]
    vectors, reference = to_vectors(poses)
    return from_vectors(resample_values(vectors, fps, to_fps, frame_count), reference)


def resample_values(values: np.ndarray, fps: Fraction, to_fps: Fraction, frame_count: int) -> np.ndarray:
    """Values (T, D) at `fps` shown at the frame times of `to_fps`, as `resample_poses` does: (frame_count, D)."""
    if fps == to_fps or len(values) < 2:
        return values[np.minimum(np.arange(frame_count), len(values) - 1)]
    places = np.array([float(n * fps / to_fps) for n in range(frame_count)]).clip(0, len(values) - 1)
    return spline(values, places)


def most_usual(poses: np.ndarray) -> int:
    """Index of the pose of a track (T, 4, 4) that is nearest to its mean."""
    vectors, _ = to_vectors(poses)
    weights = np.array([_RADIAN_CM] * 3 + [1.0] * 3)
    return int(np.linalg.norm((vectors - vectors.mean(axis=0)) * weights, axis=1).argmin())


def still_pose(poses: np.ndarray, frame_count: int) -> np.ndarray:
    """(frame_count, 4, 4): the recorded pose nearest to the track's mean, held."""
    nearest = most_usual(poses)
    return np.repeat(poses[nearest : nearest + 1], frame_count, axis=0)


@dataclass(frozen=True)
class Piece:
    """`length` frames of a replay from frame `start` on that show recorded frames from `source` on."""

    start: int
    source: int
    length: int


@dataclass(frozen=True)
class Replay:
    """How a recording is played for longer than it lasts: to its end, then on from a moment much like it, and so on.

    At a joint the difference in value and velocity is faded out within `blend` frames, so nothing jumps, and
    time always runs forward (played to and fro, a head visibly retraces its path).
    """

    pieces: tuple[Piece, ...]
    blend: int
    """Frames within which a difference at a joint is faded out."""
    calm: float = 1.0
    """Share of the head's motion about its mean that the replay keeps; the recording itself is never touched."""

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(N, D) of recorded values (T, D): the recording itself as far as it goes, then its replay."""
        return self._play(values, values)

    def poses(self, recorded: np.ndarray) -> np.ndarray:
        """(N, 4, 4) of recorded poses (T, 4, 4): the recorded ones bit for bit, then their replay, calmed."""
        vectors, reference = to_vectors(recorded)
        played = from_vectors(self.motion(vectors), reference)
        played[: len(recorded)] = recorded[: len(played)]
        return played

    def motion(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) of a recorded motion (T, D), pose vectors or body curves: the replay calmed."""
        mean = vectors.mean(axis=0)
        return self._play(vectors, mean + self.calm * (vectors - mean))

    def _play(self, recorded: np.ndarray, replayed: np.ndarray) -> np.ndarray:
        count = self.pieces[-1].start + self.pieces[-1].length
        out = np.empty((count, recorded.shape[1]))
        for number, piece in enumerate(self.pieces):
            values = replayed if number else recorded
            out[piece.start : piece.start + piece.length] = values[piece.source : piece.source + piece.length]
            if number:
                self._let_go(out, values, piece)
        return out

    def _let_go(self, out: np.ndarray, values: np.ndarray, piece: Piece) -> None:
        """Add the difference at a joint, falling to zero as a quintic that keeps value and velocity continuous."""
        at = piece.start
        velocity = _velocity(out[:at], at - 1)
        offset = out[at - 1] + velocity - values[piece.source]
        drift = velocity - _velocity(values, piece.source)
        length = min(self.blend, piece.length)
        s = (np.arange(length) / self.blend)[:, None]
        # Products, not powers: numpy's power has other bits on processors with AVX-512.
        cube = s * s * s
        value_part = 1 - cube * (10 - s * (15 - 6 * s))
        velocity_part = s - cube * (6 - s * (8 - 3 * s))
        out[at : at + length] += offset * value_part + drift * self.blend * velocity_part


def _velocity(values: np.ndarray, index: int) -> np.ndarray:
    """Change a frame at `index`, over up to two frames to each side."""
    first, last = max(index - 2, 0), min(index + 2, len(values) - 1)
    return (values[last] - values[first]) / max(last - first, 1)


def plan_replay(poses: np.ndarray, fps: Fraction, frame_count: int, extra: np.ndarray | None = None) -> Replay:
    """Plan how T recorded poses (T, 4, 4) serve `frame_count` frames at the same rate.

    extra: (T, E) other values that should not jump either (lids), weighted as cm. Of the blend lengths the shortest is
    taken whose joints move the head no faster and no more abruptly than the recording does; where none does, the
    replayed motion is made smaller until one does.
    """
    recorded, _ = to_vectors(poses)
    features = recorded * np.array([_RADIAN_CM] * 3 + [1.0] * 3)
    if extra is not None:
        features = np.concatenate([features, extra], axis=1)
    best: Replay | None = None
    least = np.inf
    choices = [_pieces(features, float(fps), frame_count, rank) for rank in range(_RANKS)]
    for calm, pieces, seconds in itertools.product(_CALMS, choices, _BLENDS_S):
        replay = Replay(pieces, max(2, round(seconds * float(fps))), calm)
        excess = _excess(replay.motion(recorded), recorded)
        if excess < least:
            best, least = replay, excess
        if least <= _AS_CALM:
            break
    assert best is not None  # there is a calm, a rank and a blend to try
    return best


def _excess(played: np.ndarray, recorded: np.ndarray) -> float:
    """The largest step, or change of step, of turning or moving, as a multiple of the recording's largest."""
    worst = 0.0
    for part in (slice(0, 3), slice(3, 6)):
        for order in (1, 2):
            if min(len(recorded), len(played)) > order:
                largest = [np.linalg.norm(np.diff(v[:, part], order, axis=0), axis=1).max() for v in (played, recorded)]
                worst = max(worst, largest[0] / max(largest[1], 1e-9))
    return worst


def _pieces(features: np.ndarray, fps: float, frame_count: int, rank: int) -> tuple[Piece, ...]:
    """The recording, then pieces that start where it is most (at `rank` 0, else next most) like the moment before."""
    total = len(features)
    pieces = [Piece(0, 0, min(total, frame_count))]
    shortest = max(1, min(round(2 * fps), total // 3))
    velocities = np.stack([_velocity(features, index) for index in range(total)]) * fps
    used = np.zeros(total)
    while (start := pieces[-1].start + pieces[-1].length) < frame_count:
        last = pieces[-1].source + pieces[-1].length - 1
        starts = np.arange(0, max(total - shortest, 1))
        ahead = np.minimum(last + 1, total - 1)
        cost = np.linalg.norm(features[starts] - features[ahead], axis=1)
        cost = cost + _VELOCITY_S * np.linalg.norm(velocities[starts] - velocities[last], axis=1)
        cost = cost + used[starts] * (np.median(cost) + 1e-9)
        source = int(starts[np.argsort(cost, kind="stable")[min(rank * max(1, round(fps / 8)), len(starts) - 1)]])
        near = np.abs(np.arange(total) - source) < fps
        used[near] += 1.0
        pieces.append(Piece(start, source, min(total - source, frame_count - start)))
    return tuple(pieces)
