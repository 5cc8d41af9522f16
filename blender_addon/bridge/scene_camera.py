"""A head that follows an object, as the scene's camera sees it: poses and lens for `talker render --pose FILE`."""

from __future__ import annotations

from typing import Any

import bpy

from ..shared.errors import InputError
from ..shared.timing import fps_text
from . import keys

_SAME_LENS_PX = 1e-3
"""Px of the picture by which a lens may differ from frame to frame: rounding."""


def followed(scene: bpy.types.Scene, head: bpy.types.Object | None) -> tuple[bpy.types.Object, bpy.types.Object]:
    """(the object that the head follows, the camera that sees it). Raises InputError where one is missing."""
    if head is None:
        raise InputError("No object is chosen for the head to follow.", "Choose one, or let the head move as recorded.")
    if scene.camera is None:
        raise InputError("The scene has no camera to see the head with.", "Add a camera and make it the active one.")
    return head, scene.camera


def poses(
    scene: bpy.types.Scene, head: bpy.types.Object, camera: bpy.types.Object, frame_start: int, count: int
) -> dict:
    """What the file of poses holds: at `count` frames from `frame_start` where the camera is from the head, and from
    the body, which stays where the head is in the first frame; and the camera's lens, px of the picture at 100 %.

    The head looks along the object's -Y, up is its Z, units are metres; an object's scale is left out. The scene is
    evaluated at these frames, and stands where it stood afterwards. Raises InputError for a camera that is not in
    perspective, or whose lens changes.
    """
    data: Any = camera.data
    if camera.type != "CAMERA":
        raise InputError(
            f"The scene's active camera, {camera.name}, is not a camera object.", "Make a camera the active one."
        )
    if data.type != "PERSP":
        raise InputError(
            f"The camera {camera.name} is not in perspective, and the head can only be drawn in perspective.",
            "Set its type to Perspective, or make another camera the active one.",
        )
    keep, keep_subframe = scene.frame_current, scene.frame_subframe
    to_head, to_body, lenses = [], [], []
    body_from_world: Any = None
    try:
        for frame in range(frame_start, frame_start + count):
            scene.frame_set(frame)
            world_from_head, world_from_camera = (m.matrix_world.normalized() for m in (head, camera))
            if body_from_world is None:
                body_from_world = world_from_head.inverted()
            to_head.append(_rows(world_from_head.inverted() @ world_from_camera))
            to_body.append(_rows(body_from_world @ world_from_camera))
            lenses.append(lens(scene, camera))
    finally:
        scene.frame_set(keep, subframe=keep_subframe)
    if any(abs(one[name] - lenses[0][name]) > _SAME_LENS_PX for one in lenses for name in one):
        raise InputError(
            f"The lens of {camera.name} changes during the line, and a take has one lens.",
            "Take the keys off its lens and shift for the line, or make another camera the active one.",
        )
    return {
        "fps": fps_text(keys.scene_fps(scene)),
        "footage": {"width": scene.render.resolution_x, "height": scene.render.resolution_y},
        "lens": lenses[0],
        "camera_to_world": to_head,
        "camera_to_body": to_body,
    }


def lens(scene: bpy.types.Scene, camera: bpy.types.Object) -> dict[str, float]:
    """Focal lengths and centre of a camera, px of the scene's picture at 100 % from its top left corner, y down."""
    render = scene.render
    width, height = render.resolution_x, render.resolution_y
    projection = camera.calc_matrix_camera(
        bpy.context.evaluated_depsgraph_get(), x=width, y=height, scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )  # fmt: skip
    return {
        "fx": projection[0][0] * width / 2,
        "fy": projection[1][1] * height / 2,
        "cx": (1 - projection[0][2]) * width / 2,
        "cy": (1 + projection[1][2]) * height / 2,
    }


def _rows(matrix: Any) -> list[list[float]]:
    return [list(row) for row in matrix]
