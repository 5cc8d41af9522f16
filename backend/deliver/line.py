"""A line of dialogue before it is drawn: how many frames, which curves, which poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.deliver.camera_file import read_poses
from backend.deliver.directed import Directed, directed_curves, directed_motion, read_directed
from backend.deliver.dubbing import Filmed, filmed_under, require_dub
from backend.deliver.motion import motion_of_line, without_effect
from backend.deliver.scene_view import SceneView, read_scene_view
from backend.media.audio_features import AudioFeatures, log_mel_of
from backend.media.sound import Sound
from backend.media.sound_choice import choose_sound
from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES, UPPER_CURVES, Performance
from backend.performance.direction import require_direction
from backend.performance.editing import with_edits, with_lips_following
from backend.performance.files import load_performance
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice, voice_of_edited
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared import choices
from shared.errors import InputError
from shared.jobs import Reporter
from shared.timing import frame_count, frame_times, parse_fps, parse_frame_range, parse_timecode

_LONGEST_FRAMES = 1 << 40
"""More than any line has: whether a range of frames is one at all is known before its sound is read."""


@dataclass
class Line:
    """What a render draws."""

    sound: Sound
    features: AudioFeatures
    fps: Fraction
    frame_count: int
    """Frames of the whole line: ceil(seconds x fps)."""
    first: int
    """First frame to draw, from 1."""
    last: int
    """Last frame to draw, inclusive."""
    start: int
    """Frames from midnight to the line's first, by its time code."""
    performance: Performance
    """All curves, `frame_count` frames, with the values that performance.json gives them."""
    driving: Performance
    """The same as it drives the head: as it is directed, and the lips' own curves go with what was edited."""
    poses: np.ndarray
    """(frame_count, 4, 4) camera_from_head, cm."""
    body: np.ndarray | None
    """(frame_count, K) the body motion that was recorded with the poses; None: the body follows the head."""
    voice: Voice | None = None
    """The voice by which the sound was normalised; None for silence."""
    scene: SceneView | None = None
    """The scene's camera through which the head is seen; None: the footage's."""
    views: np.ndarray | None = None
    """(frame_count, 4, 4) that camera from the one in which `poses` are, cm."""
    body_poses: np.ndarray | None = None
    """(frame_count, 4, 4) camera_from_head, cm, of the head that the body goes with; None: `poses`."""
    directed: Directed | None = None
    """What an artist's direction makes of it; None: there is none."""
    filmed: Filmed | None = None
    """The footage that the line dubs; None: it dubs none."""

    @property
    def camera_poses(self) -> np.ndarray:
        """(frame_count, 4, 4) camera_from_head, cm, of the camera through which the head is seen."""
        return self.poses if self.views is None else self.views @ self.poses

    @property
    def times_s(self) -> np.ndarray:
        """(frame_count,) time of every frame, seconds."""
        return np.array(frame_times(self.frame_count, self.fps))


def require_readable(settings: RenderSettings) -> None:
    """Raises InputError for options of a line that are wrong whatever its sound is: frame rate, files of poses and
    curves. For callers that work for hours before they plan it."""
    try:
        if settings.fps:
            parse_fps(settings.fps)
        if settings.frames:
            parse_frame_range(settings.frames, _LONGEST_FRAMES)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"{str(error).capitalize()}.", "Correct the option.") from error
    require_dub(settings)
    if settings.pose not in choices.POSES:
        read_poses(settings.pose)
        read_scene_view(settings.pose)
    if settings.performance is not None:
        load_performance(settings.performance)
    if settings.direction is not None:
        require_direction(settings.direction)


def line_frames(subject: Subject, audio: Path, settings: RenderSettings) -> tuple[int, int]:
    """The first and the last frame that a render draws, from 1. Raises InputError for wrong options and files."""
    require_readable(settings)
    return _frames_of(subject, settings, Sound.open(audio, choose_sound(audio, settings.audio_track)))[2:]


def plan_line(
    subject: Subject,
    speech: SpeechModel,
    audio: Path,
    settings: RenderSettings,
    report: Reporter,
    first_heard: Voice | None = None,
    poses_by: str = "refined",
    rest: np.ndarray | None = None,
    whole: bool = True,
    heard: Voice | None = None,
) -> Line:
    """Everything about a line but its pictures.

    first_heard: the voice of the first render of this take. An edit of the sound, of the curves or of the poses changes
    the frames near it and no others. poses_by: as PortraitSettings.poses, the model's. rest: (4, 4) the portrait's pose
    at rest, for a head that is seen by a scene's camera. whole: False where the curves of frames that are not drawn are
    not needed: those that sound moves are 0 there, and those that are drawn have the same bits. heard: the voice, where
    another process has heard it in this very sound with this very model (deliver.heard_voice). Raises InputError for
    wrong options and files.
    """
    sound = Sound.open(audio, choose_sound(audio, settings.audio_track))
    for text in filter(None, (*sound.words, without_effect(settings))):
        report.message(text)
    features = log_mel_of(sound.blocks(), sound.rate)
    fps, count, first, last = _frames_of(subject, settings, sound)
    track = subject.track().posed_by(poses_by)
    filmed = filmed_under(subject, track, settings, count)
    voice = voice_of_edited(features, first_heard) if heard is None else heard
    direction = read_directed(settings, fps, count, report)
    motion = motion_of_line(subject, track, settings, fps, count, features, voice, rest)
    motion = directed_motion(motion, direction, subject, track, fps)
    if voice is not None and (voice.reach is None or len(voice.reach.mean) != len(speech.curve_names)):
        voice = replace(voice, reach=speech.reach_of(features, voice))
    told = slice(0, count) if whole else slice(first - 1, last)
    spoken = np.zeros((count, len(speech.curve_names)), np.float32)
    times_s = np.array(frame_times(count, fps))[told]
    spoken[told] = speech.predict_array(features, times_s, voice, settings.strength)
    names = speech.curve_names + UPPER_CURVES
    predicted = Performance.from_array(fps, np.concatenate([spoken, motion.upper], axis=1), names)
    edited, poses = _edited(predicted, settings.performance, report), motion.poses
    if filmed is not None:
        edited, poses = filmed.with_upper_face(edited), filmed.posed(poses)
    performance = edited.as_saved()
    directed = None
    if direction is not None:
        closed = np.zeros(count)
        closed[told] = speech.closing(features, times_s, voice)
        directed = directed_curves(performance, direction, track, closed, speech.resting)
    shown = performance if directed is None else directed.curves
    if filmed is not None:
        shown = filmed.with_upper_face(shown)
    driving = with_lips_following(shown, predicted.as_saved(), speech.lips_following)
    return Line(
        sound, features, fps, count, first, last, _start_of(settings, fps), performance, driving, poses,
        motion.body, voice, motion.scene, motion.views, motion.body_poses, directed, filmed,
    )  # fmt: skip


def _frames_of(subject: Subject, settings: RenderSettings, sound: Sound) -> tuple[Fraction, int, int, int]:
    """Frame rate of a line with this sound, its frames, and the first and last to draw. Raises InputError."""
    try:
        fps = parse_fps(settings.fps) if settings.fps else subject.fps
        count = frame_count(sound.length, sound.rate, fps)
        first, last = parse_frame_range(settings.frames, count) if settings.frames else (1, count)
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}.", "Correct the option.") from error
    return fps, count, first, last


def _start_of(settings: RenderSettings, fps: Fraction) -> int:
    """Frames from midnight to a line's first. Raises InputError for a time code that the rate does not have."""
    try:
        return parse_timecode(settings.timecode, fps)
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}.", "Correct --timecode, or leave it out.") from error


def _edited(predicted: Performance, path: str | None, report: Reporter) -> Performance:
    """The predicted curves, replaced by those of a file where it has them."""
    if path is None:
        return predicted
    given = load_performance(path)
    unknown = sorted(set(given.curves) - set(CURVE_NAMES))
    if unknown:
        report.message(f"{path} holds curves that move nothing: {', '.join(unknown)}.")
    if not set(given.curves) & set(CURVE_NAMES):
        raise InputError(f"{path} holds no known curve.", f"Curves are called {SPEECH_CURVES[0]}, {SPEECH_CURVES[1]} …")
    expected = round(given.frame_count * predicted.fps / given.fps)
    if abs(expected - predicted.frame_count) > 1:
        report.message(f"{path} lasts {expected} frames, the line {predicted.frame_count}; it is cut or its end held.")
    return with_edits(predicted, given.resampled(predicted.fps, predicted.frame_count))
