"""Direction of a live head: what an artist's controls make of one frame, as deliver.directed has it of all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from backend.deliver.directed import blended
from backend.deliver.line import Line
from backend.deliver.motion import recorded_motion
from backend.performance.curves import Performance, ordered_curves
from backend.performance.direction import Direction
from backend.performance.face_range import Range
from backend.performance.poses import most_usual, still_pose
from backend.performance.speech import SpeechModel
from backend.portrait.portrait import Drive, Portrait
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared.direction import BY_NAME, RECORDED, STILL


class LiveDirection:
    """What controls do to a line of N frames, asked for frame by frame."""

    def __init__(self, portrait: Portrait, subject: Subject, track: Track, speech: SpeechModel, line: Line) -> None:
        self._portrait, self._subject, self._track, self._line = portrait, subject, track, line
        self._reach = Range.of(ordered_curves(track))
        self._closed, self._resting = speech.closing(line.features, line.times_s, line.voice), speech.resting

    def of(self, controls: Mapping[str, float]) -> Direction | None:
        """The direction of one frame; None where it moves nothing. Unknown controls do nothing; the others are held."""
        values = {n: np.array([BY_NAME[n].held(float(v))]) for n, v in controls.items() if n in BY_NAME}
        direction = Direction(self._line.fps, values)
        return direction if direction.moves_anything() else None

    def curves(self, direction: Direction, edited: Performance, index: int) -> Performance:
        """The curves of frame `index`, from 0, as directed; edited: one frame, without."""
        return direction.applied(edited, self._reach, self._closed[index : index + 1], self._resting)

    def drive(self, direction: Direction, drive: Drive, index: int) -> Drive:
        """The drive of frame `index` with its pose blended and turned.

        The body's motion goes with a blend as if that had been the same in the frames before and after.
        """
        still, recorded = (float(direction.at(name, 1)[0]) for name in (STILL, RECORDED))
        poses, motion = self._line.poses[index : index + 1], drive.motion
        for share, other in ((recorded, self._recorded), (still, self._still)):
            if share:
                others, moves = other
                poses = blended(poses, others[index : index + 1], np.array([share]))
                motion = torch.lerp(motion, moves[index : index + 1], share)
        audio = None if drive.audio is None else drive.audio.cpu().numpy()
        views = None if self._line.views is None else self._line.views[index : index + 1]
        turned = direction.turned(poses)
        made = self._portrait.drive(drive.curves.cpu().numpy(), turned, float(self._line.fps), audio, None, views)
        return replace(made, motion=motion)

    @functools.cached_property
    def _recorded(self) -> tuple[np.ndarray, torch.Tensor]:
        own = recorded_motion(self._subject, self._track, self._line.fps, self._line.frame_count)
        return own.poses, self._motion(own.poses, own.body)

    @functools.cached_property
    def _still(self) -> tuple[np.ndarray, torch.Tensor]:
        count, filmed = self._line.frame_count, self._track.camera_from_head
        poses, at_rest = still_pose(filmed, count), self._track.body[most_usual(filmed)]
        return poses, self._motion(poses, np.repeat(at_rest[None], count, axis=0))

    def _motion(self, poses: np.ndarray, body: np.ndarray | None) -> torch.Tensor:
        """(N, M) the motion of head and body as the torso sees it; without one of the body's own where the line has
        none."""
        count = len(poses)
        curves = np.zeros((count, self._portrait.sizes.curves), np.float32)
        silence = np.zeros((count, 1), np.float32) if self._portrait.needs_audio else None
        own = None if self._line.body is None else body
        return self._portrait.drive(curves, poses, float(self._line.fps), silence, own).motion
