"""A head in a scene: seen through the scene's camera, under its lens, on a body that stands where the scene says.

A portrait learned from a camera that stood still before a person, so its body lies in that camera's space. Seen by a
camera that moves, head and body are posed as that still camera would see them, and both are looked at from elsewhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backend.deliver.camera_file import camera_poses
from backend.subject.rigid import require_rigid
from shared.camera import CENTIMETRE_M, Crop, Intrinsics
from shared.errors import InputError
from shared.files import read_text_file

LARGEST_PX = 8192
_SHORTEST_PX, _LONGEST_PX = 1e-3, 1e8
"""Focal lengths, and how far from the picture the optical axis may be."""
_EXPORT_AGAIN = "Render the line again from the scene."


@dataclass(frozen=True)
class SceneView:
    """How a scene's camera sees a body that stands still in the scene. N frames."""

    picture: Intrinsics
    """The scene's camera, px of the scene's picture."""
    camera_from_body: np.ndarray
    """(N, 4, 4) cm: where the camera sees the head's pose at rest, by which the body is meant."""

    @property
    def crop(self) -> Crop:
        """All of the scene's picture."""
        return Crop(0, 0, self.picture.width, self.picture.height)

    def details(self) -> list[float]:
        """What the pictures depend on beside the poses."""
        picture = self.picture
        return [picture.fx, picture.fy, picture.cx, picture.cy, picture.width, picture.height]


def read_scene_view(path: str | os.PathLike) -> SceneView | None:
    """The scene's camera in a file of poses; None for one that was not exported with a lens.

    Raises InputError where it is damaged.
    """
    try:
        values = json.loads(read_text_file(path, _EXPORT_AGAIN))
        if "lens" not in values:
            return None
        picture = _picture(values["lens"], values["footage"])
        for name in ("camera_to_world", "camera_to_body"):
            _require_rigid(name, values[name])
        poses = camera_poses(values["camera_to_body"])
        if len(poses) != len(values["camera_to_world"]):
            raise ValueError(f"{len(poses)} poses of the body, {len(values['camera_to_world'])} of the head")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError(f"{path} holds no camera of a scene ({error!r}).", _EXPORT_AGAIN) from error
    return SceneView(picture, poses)


def _require_rigid(name: str, camera_to: list) -> None:
    """Raises ValueError where a file's poses (N, 4, 4), m, do not turn and move a camera."""
    given = np.array(camera_to, np.float64)
    if given.ndim != 3 or given.shape[1:] != (4, 4):
        raise ValueError(f"{name} holds no 4x4 poses")
    given[:, :3, 3] /= CENTIMETRE_M
    require_rigid(name, given)


def _picture(lens: Mapping[str, float], size: Mapping[str, int]) -> Intrinsics:
    fx, fy, cx, cy = numbers = [float(lens[name]) for name in ("fx", "fy", "cx", "cy")]
    width, height = int(size["width"]), int(size["height"])
    is_lens = all(_SHORTEST_PX <= focal <= _LONGEST_PX for focal in (fx, fy)) and max(abs(cx), abs(cy)) <= _LONGEST_PX
    if not is_lens or min(width, height) <= 0 or not np.isfinite(numbers).all():
        raise ValueError(f"a lens of {numbers} for {width} x {height} px")
    if max(width, height) > LARGEST_PX:
        raise ValueError(f"{width} x {height} px; up to {LARGEST_PX} can be drawn")
    return Intrinsics(fx, fy, cx, cy, width, height)


def seen_at(poses: np.ndarray, pose_fps: Fraction, fps: Fraction, count: int) -> np.ndarray:
    """(count, 4, 4): of poses (N, 4, 4) at their own rate the one at each frame of a line; the last one is held."""
    index = [min(len(poses) - 1, int(number * pose_fps / fps + Fraction(1, 2))) for number in range(count)]
    return poses[index]


def as_filmed(camera_from_head: np.ndarray, camera_from_body: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, 4, 4) head poses in a camera that stands before the body as the footage's did.

    camera_from_head, camera_from_body: (N, 4, 4) cm, in the scene's camera; rest: (4, 4), the footage's pose at rest.
    """
    return rest @ np.linalg.inv(camera_from_body) @ camera_from_head


def views(camera_from_body: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, 4, 4) the scene's camera from the still one of `as_filmed`."""
    return camera_from_body @ np.linalg.inv(rest)
