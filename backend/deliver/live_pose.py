"""A live head in a pose of one's own, seen by the footage's camera or by a scene's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.deliver.live_plan import of_side
from backend.deliver.scene_view import LARGEST_PX, as_filmed, views
from backend.portrait.portrait import Drive, Portrait
from backend.subject.rigid import require_rigid
from shared.camera import Intrinsics, Matrix, camera_from_head
from shared.errors import InputError

_MOST = 1e4
"""A lens is no longer than so many times its picture, and no shorter than such a part of it; nor is it shifted by more:
Blender's go from 1 to 5000 mm."""
_SAME_CM = 1e-3
"""By so much an entry of a pose may differ from the line's own, and be the same: what JSON and Blender round."""


def posed(portrait: Portrait, drive: Drive, pose: Matrix, body: Matrix | None) -> Drive:
    """The drive of one frame with another pose, held still; the same drive where that is its own pose.

    pose, body: where Blender's camera is about the still head, and about a body that stands still (None: the footage's
    camera, before which the body sits), metres. Raises InputError for what is no pose.
    """
    from_head = _from_camera_to("pose", pose)
    from_body = None if body is None else _from_camera_to("body", body)
    seen = drive.poses if drive.views is None else drive.views @ drive.poses
    rest = portrait.rest_pose.double().cpu().numpy()
    looked_from = None if from_body is None else views(from_body[None], rest)
    known = None if drive.views is None else drive.views.cpu().numpy()
    if _is_same(seen.cpu().numpy()[0], from_head) and _is_same(known, looked_from):
        return drive
    filmed = from_head if from_body is None else as_filmed(from_head[None], from_body[None], rest)[0]
    audio = None if drive.audio is None else drive.audio.cpu().numpy()
    return portrait.drive(drive.curves.cpu().numpy(), filmed[None], None, audio, None, looked_from)


def scene_picture(lens: Sequence[float], size: int) -> Intrinsics:
    """The camera of a scene's picture, its longer side `size` px at most; lens: fx, fy, cx, cy, width, height, px.

    Raises InputError for what is no lens.
    """
    try:
        fx, fy, cx, cy, width, height = (float(value) for value in lens)
        longest = max(width, height)
        is_size = min(width, height) >= 1 and longest <= LARGEST_PX
        if not (is_size and all(longest / _MOST <= f <= longest * _MOST for f in (fx, fy))):
            raise ValueError(f"{list(lens)}")
        if not all(abs(c) <= longest * _MOST for c in (cx, cy)):
            raise ValueError(f"{list(lens)}")
        return of_side(Intrinsics(fx, fy, cx, cy, int(width), int(height)), size)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"The lens cannot be used ({error}).", "Send fx, fy, cx, cy, width and height.") from error


def _from_camera_to(name: str, matrix: Matrix) -> np.ndarray:
    """(4, 4) cm, the pose in the camera of what a Blender camera is about."""
    try:
        given = np.array(matrix, np.float64)
        if given.shape != (4, 4):
            raise ValueError(f"a {name} of shape {given.shape}")
        require_rigid(name, given[None])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"The {name} cannot be used ({error}).", "Send 4 rows of 4 numbers.") from error
    return np.array(camera_from_head(given.tolist()))


def _is_same(known: np.ndarray | None, given: np.ndarray | None) -> bool:
    if known is None or given is None:
        return known is given
    return bool(np.abs(known - given).max() < _SAME_CM)
