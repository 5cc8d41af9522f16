"""camera.json: the camera about the still head, as Blender wants it, and back to head poses."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from shared.camera import Crop, Intrinsics, Matrix, camera_from_head, camera_to_world
from shared.errors import InputError
from shared.files import read_text_file, write_text
from shared.timing import fps_text, parse_fps

_RIGID_TOLERANCE = 1e-3


def write_camera(
    path: Path,
    fps: Fraction,
    picture: Intrinsics,
    crop: Crop,
    footage_size: tuple[int, int],
    poses: np.ndarray,
    *,
    given_lens: bool = False,
) -> None:
    """Write camera.json through a temporary name.

    picture: camera of the delivered picture, px; crop: where it lies in the footage's frame of `footage_size` (width,
    height) px; poses: (N, 4, 4) camera_from_head, cm; given_lens: whether the picture is a scene's, under
    its camera's lens, in the place of the footage's frame.
    """
    values: dict[str, object] = {
        "fps": fps_text(fps),
        "width": picture.width,
        "height": picture.height,
        "fx": picture.fx,
        "fy": picture.fy,
        "cx": picture.cx,
        "cy": picture.cy,
        "crop": [crop.x, crop.y, crop.width, crop.height],
        "footage": {"width": footage_size[0], "height": footage_size[1]},
        "camera_to_world": [camera_to_world(pose) for pose in np.asarray(poses, np.float64).tolist()],
    }
    if given_lens:
        values["given_lens"] = True
    write_text(path, json.dumps(values) + "\n")


def read_poses(path: str | os.PathLike) -> tuple[Fraction, np.ndarray]:
    """Frame rate and camera_from_head poses (N, 4, 4), cm, of a camera.json.

    Raises InputError when it is missing, is none, or a pose is not a rotation and a position.
    """
    try:
        values = json.loads(read_text_file(path, "Export the camera again."))
        fps = parse_fps(values["fps"])
        poses = camera_poses(values["camera_to_world"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, ZeroDivisionError) as error:
        raise InputError(f"{path} is not a camera.json ({error!r}).", "Export the camera again.") from error
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not np.isfinite(poses).all():
        raise InputError(f"{path} holds no 4x4 poses.", "Export the camera again.")
    rotations = poses[:, :3, :3]
    skew = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max()
    if skew > _RIGID_TOLERANCE or (np.linalg.det(rotations) < 0).any():
        raise InputError(f"{path} holds poses with a scale or a mirror in them.", "Apply the camera's scale.")
    return fps, poses


def camera_poses(camera_to_world: list[Matrix]) -> np.ndarray:
    """(N, 4, 4) camera_from_head, cm, of a file's poses of the camera about the still head."""
    return np.array([camera_from_head(pose) for pose in camera_to_world], dtype=np.float64)
