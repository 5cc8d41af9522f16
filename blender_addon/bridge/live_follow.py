"""A head that follows an object while its live picture is shown: where it is now, as the scene's camera sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix

from . import scene_camera

_DIGITS = 6
"""Of what is sent: below a micrometre nothing has moved."""
Rows = list[list[float]]


@dataclass(frozen=True)
class Seen:
    """Head, body and lens at one frame, as DRAW has them (docs/protocol.md)."""

    pose: Rows
    body: Rows
    lens: list[float]
    """fx, fy, cx, cy, width and height, px."""
    distance_m: float
    """Of the head from the camera along its axis."""


@dataclass(frozen=True)
class Follow:
    """An object that the head follows, and the camera that sees it, by their names."""

    head: str
    camera: str
    body_from_world: Matrix
    """Of the body, which stays where the head is in the line's first frame."""


def follow(scene: bpy.types.Scene, head: bpy.types.Object | None, frame_start: int) -> Follow:
    """Let the head follow an object of the scene. Looks at the line's first frame, and comes back.

    Raises InputError where there is no object, or no camera in perspective.
    """
    head, camera = scene_camera.followed(scene, head)
    poses = scene_camera.poses(scene, head, camera, frame_start, 1)
    from_camera = Matrix(poses["camera_to_body"][0])
    keep, keep_subframe = scene.frame_current, scene.frame_subframe
    try:
        scene.frame_set(frame_start)
        body_from_world = from_camera @ camera.matrix_world.normalized().inverted()
    finally:
        scene.frame_set(keep, subframe=keep_subframe)
    return Follow(head.name, camera.name, body_from_world)


def seen(scene: bpy.types.Scene, following: Follow) -> Seen | None:
    """What the camera sees at the scene's present frame, as it is evaluated; None where object or camera is gone."""
    objects: Any = scene.objects
    head, camera = objects.get(following.head), objects.get(following.camera)
    if head is None or camera is None:
        return None
    world_from_camera = camera.matrix_world.normalized()
    head_from_camera = head.matrix_world.normalized().inverted() @ world_from_camera
    lens = scene_camera.lens(scene, camera)
    size = scene.render.resolution_x, scene.render.resolution_y
    return Seen(
        _rows(head_from_camera),
        _rows(following.body_from_world @ world_from_camera),
        [round(value, _DIGITS) for value in (*(lens[name] for name in ("fx", "fy", "cx", "cy")), *map(float, size))],
        -head_from_camera.inverted().translation.z,
    )


def _rows(matrix: Any) -> Rows:
    return [[round(value, _DIGITS) for value in row] for row in matrix]
