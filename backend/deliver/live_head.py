"""A head that is kept loaded and drawn one frame at a time, for an artist who looks at it while editing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from backend.deliver import frames
from backend.deliver.live_plan import LivePlan, plan_of_footage, plan_of_take
from backend.deliver.live_pose import posed, scene_picture
from backend.deliver.live_sources import Sources
from backend.media import colour
from backend.performance.curves import CURVE_NAMES, Performance
from backend.performance.direction import Direction
from backend.performance.editing import with_edits, with_lips_following
from backend.portrait.portrait import Drive
from backend.subject.consent import require_consent
from backend.subject.subject import Subject
from shared.camera import Matrix
from shared.errors import InputError
from shared.jobs import Reporter
from shared.live_picture import VIEW_GAMMA
from shared.timing import fps_text

SIZES_PX = (16, 2048)
"""Least and most px of a live picture's longer side."""
_FULL = 255.0
_ONE_THREAD_PX = 1 << 19
"""Smaller pictures are drawn in one thread: it takes them no longer, and leaves the other cores to jobs and Blender."""


class LiveHead:
    """A loaded portrait and what moves it, drawn as `talker render` draws it."""

    def __init__(self, plan: LivePlan) -> None:
        self._plan = plan
        pixels = plan.picture.width * plan.picture.height
        self._threads = 1 if pixels <= _ONE_THREAD_PX else os.cpu_count() or 1
        self._names = plan.portrait.curve_names or CURVE_NAMES
        to_linear, _ = colour.transfer(plan.colour_name)
        self._in_view = (colour.linear_to_srgb(to_linear(np.arange(256) / _FULL)) ** VIEW_GAMMA).astype(np.float32)
        self._buffers: frames.Buffers | None = None
        self.sources: Sources = plan.sources

    @property
    def frame_count(self) -> int:
        return self._plan.base.frame_count

    def facts(self) -> dict:
        """What a client is told of it, as plain values."""
        plan = self._plan
        return {
            "frames": self.frame_count,
            "fps": fps_text(plan.base.fps),
            "width": plan.picture.width,
            "height": plan.picture.height,
            "transfer": plan.colour_name,
            "is_crop": plan.is_crop,
            "is_opaque": plan.behind is not None,
        }

    def draw(
        self,
        frame: int,
        curves: Mapping[str, float],
        pose: Matrix | None = None,
        body: Matrix | None = None,
        lens: Sequence[float] | None = None,
        controls: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """(H, W, 4) uint8: frame `frame`, from 1, display-referred with straight alpha.

        curves: values that replace the line's own in this frame, held in [0, 1]; those that nobody knows move nothing.
        pose: where Blender's camera is about the still head, metres (shared.camera), in the place of the line's own;
        the head is held still there, so that no motion before it moves the body, but where that is the line's own pose.
        body, lens: where that camera is about a body that stands still, and fx, fy, cx, cy, width and height of its
        picture, px, where a scene's camera sees the head; then the picture is transparent.
        controls: of the direction (shared.direction), over curves and the line's own pose; unknown ones do nothing.
        Raises InputError for what cannot be drawn.
        """
        if not 1 <= frame <= self.frame_count:
            raise InputError(f"There is no frame {frame}: the line has {self.frame_count}.", "Ask for one of them.")
        directing = self._plan.direction
        direction = None if directing is None or not controls else directing.of(_numbers("control", controls))
        drive = self._drive(frame - 1, self._driving(frame - 1, curves, direction))
        if direction is not None and directing is not None and pose is None:
            drive = directing.drive(direction, drive, frame - 1)
        plan, camera, behind = self._plan, None if self._plan.is_crop else self._plan.picture, self._plan.behind
        if pose is not None:
            drive = posed(plan.portrait, drive, pose, body)
        if lens is not None and body is not None:
            camera, behind = scene_picture(lens, max(plan.picture.width, plan.picture.height)), None
        drawn = plan.portrait.render(
            drive, 0, plan.picture.width, intrinsics=camera, engine=plan.engine, threads=self._threads
        )
        if behind is None:
            return frames.straight_rgba(drawn)
        passes, self._buffers = frames.stored_passes(drawn, plan.colour_name, self._buffers)
        rgb = frames.combined_over_plate(passes["Combined"], plan.colour_name, behind)
        return np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=2)

    def for_view(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 4) float32: a picture as `draw` returns it, as Blender's views take it (shared.live_picture)."""
        out = np.empty(picture.shape, np.float32)
        np.take(self._in_view, picture[..., :3], out=out[..., :3])
        np.divide(picture[..., 3], _FULL, out=out[..., 3])
        return out

    def _driving(self, index: int, curves: Mapping[str, float], direction: Direction | None) -> np.ndarray:
        """(1, K) the curves of a frame as they drive the head, with edits and direction."""
        plan = self._plan
        base = Performance(
            plan.base.fps, {name: values[index : index + 1] for name, values in plan.base.curves.items()}
        )
        given = {name: np.array([value], np.float32) for name, value in _numbers("curve", curves).items()}
        edited = with_edits(base, Performance(plan.base.fps, given)).as_saved()
        if plan.direction is not None and direction is not None:
            edited = plan.direction.curves(direction, edited, index)
        if plan.lips_following is not None and (curves or direction is not None):
            edited = with_lips_following(edited, base.as_saved(), plan.lips_following)
        return edited.array(self._names)

    def _drive(self, index: int, curves: np.ndarray) -> Drive:
        plan = self._plan
        one = plan.drive.only(index)
        return replace(one, curves=torch.from_numpy(curves).to(one.curves.device))


def open_live_head(
    subject_folder: Path, model: str, take: Path | None, size: int, transparent: bool, report: Reporter
) -> LiveHead:
    """Load a head: of a take, or without one by itself, moving as in its footage. Raises InputError."""
    if not SIZES_PX[0] <= size <= SIZES_PX[1]:
        raise InputError(f"A live picture of {size} px cannot be drawn.", f"Use {SIZES_PX[0]} to {SIZES_PX[1]}.")
    subject = Subject.open(subject_folder)
    require_consent(subject, report)
    if take is None:
        return LiveHead(plan_of_footage(subject, model, size, transparent))
    return LiveHead(plan_of_take(subject, model, take, size, transparent, report))


def _numbers(kind: str, given: Mapping[str, object]) -> dict[str, float]:
    """Values by name. Raises InputError for what is no number."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"The {kind} {name} is {value!r}, which is no number.", "Send numbers.")
    return {name: float(value) for name, value in given.items()}  # type: ignore[arg-type]
