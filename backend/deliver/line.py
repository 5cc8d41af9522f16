"""A line of dialogue before it is drawn: how many frames, which curves, which poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.deliver.camera_file import read_poses
from backend.media.audio import read_audio
from backend.media.audio_features import AudioFeatures, log_mel
from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES, UPPER_CURVES, Performance, ordered_curves
from backend.performance.editing import with_edits
from backend.performance.idle import idle_upper, lids, replayed_upper
from backend.performance.poses import plan_replay, resample_poses, resample_values, still_pose
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice, voice_of_edited
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared.errors import InputError
from shared.jobs import Reporter
from shared.timing import frame_count, frame_times, parse_fps, parse_frame_range

_PLANNED_S = 30
"""Seconds. Poses beyond the end of the recording are planned for whole multiples of this, so that a line that becomes a
little longer keeps its poses."""


@dataclass
class Line:
    """What a render draws."""

    samples: np.ndarray
    """(n,) mono float32, the sound as given."""
    sample_rate: int
    features: AudioFeatures
    fps: Fraction
    frame_count: int
    """Frames of the whole line: ceil(seconds x fps)."""
    first: int
    """First frame to draw, from 1."""
    last: int
    """Last frame to draw, inclusive."""
    performance: Performance
    """All curves, `frame_count` frames, with the values that performance.json gives them."""
    poses: np.ndarray
    """(frame_count, 4, 4) camera_from_head, cm."""
    body: np.ndarray | None
    """(frame_count, K) the recorded body motion, replayed with the recorded poses; None: the body follows the head."""
    voice: Voice | None = None
    """The voice by which the sound was normalised; None for silence."""

    @property
    def times_s(self) -> np.ndarray:
        """(frame_count,) time of every frame, seconds."""
        return np.array(frame_times(self.frame_count, self.fps))


def plan_line(
    subject: Subject,
    speech: SpeechModel,
    audio: Path,
    settings: RenderSettings,
    report: Reporter,
    first_heard: Voice | None = None,
    poses_by: str = "refined",
) -> Line:
    """Everything about a line but its pictures.

    first_heard: the voice of the first render of this take. An edit of the sound, of the curves or of the poses changes
    the frames near it and no others. poses_by: as PortraitSettings.poses, the model's. Raises InputError for wrong
    options and files.
    """
    samples, rate = read_audio(audio)
    features = log_mel(samples, rate)
    try:
        fps = parse_fps(settings.fps) if settings.fps else subject.fps
        count = frame_count(len(samples), rate, fps)
        first, last = parse_frame_range(settings.frames, count) if settings.frames else (1, count)
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}.", "Correct the option.") from error
    track = subject.track().posed_by(poses_by)
    poses, body, upper = _motion_and_upper(subject, track, settings, fps, count)
    voice = voice_of_edited(features, first_heard)
    if voice is not None and (voice.reach is None or len(voice.reach.mean) != len(speech.curve_names)):
        voice = replace(voice, reach=speech.reach_of(features, voice))
    spoken = speech.predict_array(features, np.array(frame_times(count, fps)), voice, settings.strength)
    predicted = Performance.from_array(fps, np.concatenate([spoken, upper], axis=1), speech.curve_names + UPPER_CURVES)
    performance = _edited(predicted, settings.performance, speech, report).as_saved()
    return Line(samples, rate, features, fps, count, first, last, performance, poses, body, voice)


def _motion_and_upper(
    subject: Subject, track: Track, settings: RenderSettings, fps: Fraction, count: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Head poses (count, 4, 4), body curves (count, K) or None, and upper-face curves (count, 24)."""
    recorded, curves = track.camera_from_head, ordered_curves(track)
    if settings.pose == "still":
        return still_pose(recorded, count), None, idle_upper(curves, fps, count, settings.seed)
    if settings.pose != "recorded":
        pose_fps, given = read_poses(settings.pose)
        return _extended(given, pose_fps, fps, count), None, idle_upper(curves, fps, count, settings.seed)
    needed = _planned_frames(_recorded_frames(count, fps, subject.fps), subject.fps, len(recorded))
    replay = plan_replay(recorded, subject.fps, needed, np.concatenate([lids(curves), track.body], axis=1))
    poses, body = (
        resample_poses(replay.poses(recorded), subject.fps, fps, count),
        resample_values(replay.motion(track.body), subject.fps, fps, count),
    )
    upper = Performance.from_array(subject.fps, replayed_upper(curves, replay), UPPER_CURVES)
    return poses, body, upper.resampled(fps, count).array(UPPER_CURVES)


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


def _edited(predicted: Performance, path: str | None, speech: SpeechModel, report: Reporter) -> Performance:
    """The predicted curves, replaced by those of an edited performance.json where it has them."""
    if path is None:
        return predicted
    given = Performance.load(path)
    unknown = sorted(set(given.curves) - set(CURVE_NAMES))
    if unknown:
        report.message(f"{path} holds curves that move nothing: {', '.join(unknown)}.")
    if not set(given.curves) & set(CURVE_NAMES):
        raise InputError(f"{path} holds no known curve.", f"Curves are called {SPEECH_CURVES[0]}, {SPEECH_CURVES[1]} …")
    expected = round(given.frame_count * predicted.fps / given.fps)
    if abs(expected - predicted.frame_count) > 1:
        report.message(f"{path} lasts {expected} frames, the line {predicted.frame_count}; it is cut or its end held.")
    return with_edits(predicted, given.resampled(predicted.fps, predicted.frame_count), speech.lips_following)
