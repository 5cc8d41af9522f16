"""How head, body and upper face move in a line: as recorded, as given, or by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backend import rotations
from backend.deliver.camera_file import read_poses
from backend.deliver.scene_view import SceneView, as_filmed, read_scene_view, seen_at, views
from backend.media.audio_features import AudioFeatures
from backend.performance.curves import UPPER_CURVES, Performance, ordered_curves
from backend.performance.idle import idle_upper, lids, replayed_upper
from backend.performance.liveliness import life_of, with_eyes
from backend.performance.manner import Manner
from backend.performance.parts import parts_of
from backend.performance.poses import from_vectors, plan_replay, resample_poses, resample_values, still_pose
from backend.performance.stress import stress_of
from backend.performance.voice import Voice
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import choices, layout
from shared.timing import frame_times

_PLANNED_S = 30
"""Seconds. Poses beyond the end of the recording are planned for whole multiples of this, so that a line that becomes a
little longer keeps its poses."""


def without_effect(settings: RenderSettings) -> str:
    """What of these settings does nothing to the head's motion, in words; "": all does what it says."""
    idle = [f"--head-life {settings.head_life:g}"] if settings.head_life != choices.LIVELINESS else []
    if settings.pose == choices.LIFE:
        return ""
    if settings.pose == choices.RECORDED and settings.face_life != choices.LIVELINESS:
        idle.append(f"--face-life {settings.face_life:g}")
    how = f"--pose {settings.pose}" if settings.pose in choices.POSES else "poses from a file"
    return f"With {how}, {' and '.join(idle)} {'do' if len(idle) > 1 else 'does'} nothing." if idle else ""


@dataclass(frozen=True)
class LineMotion:
    """Head, body and upper face of a line of N frames."""

    poses: np.ndarray
    """(N, 4, 4) camera_from_head, cm."""
    body: np.ndarray | None
    """(N, K) the body's motion; None: it follows the head."""
    upper: np.ndarray
    """(N, 24) upper-face curves in [0, 1]."""
    scene: SceneView | None = None
    """The scene's camera through which the head is seen; None: the footage's."""
    views: np.ndarray | None = None
    """(N, 4, 4) the scene's camera from the one in which `poses` are, cm."""
    body_poses: np.ndarray | None = None
    """(N, 4, 4) camera_from_head, cm, of the head that the body goes with; None: `poses`."""


def motion_of_line(
    subject: Subject,
    track: Track,
    settings: RenderSettings,
    fps: Fraction,
    count: int,
    features: AudioFeatures,
    voice: Voice | None,
    rest: np.ndarray | None = None,
) -> LineMotion:
    """Motion of a line of `count` frames at `fps` that sounds as `features` in `voice` (None: silence).

    rest: (4, 4) the portrait's pose at rest, for a head that is seen by a scene's camera; None: without such cameras.
    Raises InputError for a file of poses that cannot be read.
    """
    if settings.pose == choices.RECORDED:
        return recorded_motion(subject, track, fps, count)
    poses, body = still_pose(track.camera_from_head, count), None
    scene = seen_from = None
    if settings.pose not in choices.POSES:
        pose_fps, given = read_poses(settings.pose)
        scene = read_scene_view(settings.pose) if rest is not None else None
        if scene is None or rest is None:
            poses = _extended(given, pose_fps, fps, count)
        else:
            of_body = seen_at(scene.camera_from_body, pose_fps, fps, count)
            poses, seen_from = as_filmed(seen_at(given, pose_fps, fps, count), of_body, rest), views(of_body, rest)
    head = settings.head_life if settings.pose == choices.LIFE else 0.0
    if not head and not settings.face_life:
        idle = idle_upper(ordered_curves(track), fps, count, settings.seed)
        return LineMotion(poses, None, idle, scene, seen_from)
    manner = manner_of(subject, track)
    stress, times_s = stress_of(features, voice), np.array(frame_times(count, fps))
    parts = parts_of(manner, stress, settings.seed)
    life = life_of(manner, stress, parts, times_s, head, settings.face_life)
    if head:
        poses = from_vectors(life.head, manner.reference)
        body = life.body.astype(np.float32) if life.body.shape[1] else None
    if settings.face_life:
        relative = rotations.multiply(rotations.inverse(manner.reference), rotations.from_matrix(poses[:, :3, :3]))
        turns = rotations.to_vector(relative)
        upper = with_eyes(manner, stress, parts, times_s, life.face, turns, settings.face_life)
    else:
        upper = idle_upper(ordered_curves(track), fps, count, settings.seed)
    return LineMotion(poses, body, upper, scene, seen_from)


def manner_of(subject: Subject, track: Track) -> Manner:
    """How the person of a subject moves. Raises InputError where the footage's sound cannot be read."""
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    return Manner.of(track.camera_from_head, track.body, ordered_curves(track), float(subject.fps), features)


def recorded_motion(subject: Subject, track: Track, fps: Fraction, count: int) -> LineMotion:
    """The footage's own motion, replayed where the line is longer."""
    recorded, curves = track.camera_from_head, ordered_curves(track)
    needed = _planned_frames(_recorded_frames(count, fps, subject.fps), subject.fps, len(recorded))
    replay = plan_replay(recorded, subject.fps, needed, np.concatenate([lids(curves), track.body], axis=1))
    poses, body = (
        resample_poses(replay.poses(recorded), subject.fps, fps, count),
        resample_values(replay.motion(track.body), subject.fps, fps, count),
    )
    upper = Performance.from_array(subject.fps, replayed_upper(curves, replay), UPPER_CURVES)
    return LineMotion(poses, body, upper.resampled(fps, count).array(UPPER_CURVES))


def _extended(poses: np.ndarray, pose_fps: Fraction, fps: Fraction, count: int) -> np.ndarray:
    """A given pose track at the line's rate, continued without a jump where it is shorter than the line."""
    if len(poses) == 1:
        return np.repeat(poses, count, axis=0)
    needed = _planned_frames(_recorded_frames(count, fps, pose_fps), pose_fps, len(poses))
    extended = plan_replay(poses, pose_fps, needed).poses(poses)
    return resample_poses(extended, pose_fps, fps, count)


def _recorded_frames(count: int, fps: Fraction, recorded_fps: Fraction) -> int:
    """Frames at the recording's rate that reach as far as `count` frames at the line's."""
    return int((count - 1) * recorded_fps / fps) + 2 if fps != recorded_fps else count


def _planned_frames(needed: int, fps: Fraction, recorded: int) -> int:
    """Frames to plan for: those `needed`, where they go beyond the `recorded` ones up to the next whole _PLANNED_S."""
    if needed <= recorded:
        return needed
    step = max(1, round(_PLANNED_S * fps))
    return -(-needed // step) * step
