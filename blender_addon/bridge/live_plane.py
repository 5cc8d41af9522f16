"""A live picture in the 3D views, on the picture plane of a take's camera.

It is drawn over each view by the GPU and is no data of Blender's: nothing of it is saved, undone, or marks the file as
changed. Where the scene's objects are nearer than the head they hide it, as they would hide a card that stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..blender_types import window_manager
from ..shared.camera import Crop, Intrinsics
from ..shared.live_picture import LivePicture
from . import live_controls
from .take import Take

_gpu: Any = gpu  # its stubs lack the arguments of what makes textures
_NEAREST_M = 0.01
Corners = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Plane:
    """Where the pictures lie."""

    scene: str
    camera: str
    """Name of the take's camera."""
    corners: Corners
    """The picture's lower left, lower right, upper right and upper left, metres in the camera's own space."""


class _Shown:
    plane: Plane | None = None
    picture: LivePicture | None = None
    texture: Any = None
    """Of the picture; None: still to be made, which only drawing can do."""
    handle: Any = None
    newer: Callable[[], LivePicture | None] | None = None


def plane_of(scene: bpy.types.Scene, camera: bpy.types.Object, take: Take) -> Plane:
    """The picture plane of a take's camera, as far away as the head is in the take's first frame."""
    return _plane(scene.name, camera.name, take.footage_camera, take.crop, take.head_distance)


def plane_of_scene(scene: bpy.types.Scene, camera: str, lens: Sequence[float], distance_m: float) -> Plane:
    """The picture plane of a scene's camera; lens: fx, fy, cx, cy, width and height of its picture, px."""
    fx, fy, cx, cy, width, height = lens
    whole = Crop(0, 0, int(width), int(height))
    return _plane(scene.name, camera, Intrinsics(fx, fy, cx, cy, whole.width, whole.height), whole, distance_m)


def _plane(scene: str, camera: str, lens: Intrinsics, crop: Crop, distance_m: float) -> Plane:
    distance = max(_NEAREST_M, distance_m)

    def point(x: float, y: float) -> tuple[float, float, float]:
        return (x - lens.cx) / lens.fx * distance, (lens.cy - y) / lens.fy * distance, -distance

    left, top, right, bottom = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
    return Plane(scene, camera, (point(left, bottom), point(right, bottom), point(right, top), point(left, top)))


def begin(plane: Plane, newer: Callable[[], LivePicture | None]) -> None:
    """Draw what `show` gets on this plane, in every 3D view of its scene.

    newer: asked whenever a view is drawn, for the picture that has come since, if one has.
    """
    end()
    _Shown.plane, _Shown.newer = plane, newer
    if not bpy.app.background:
        _Shown.handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def move(plane: Plane) -> None:
    """Draw on another plane from now on."""
    if plane != _Shown.plane:
        _Shown.plane = plane
        _redraw()


def end() -> None:
    """Draw nothing any more."""
    if _Shown.handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_Shown.handle, "WINDOW")
    had_picture = _Shown.picture is not None
    _Shown.plane = _Shown.picture = _Shown.texture = _Shown.handle = _Shown.newer = None
    if had_picture:
        _redraw()


def show(picture: LivePicture | None) -> None:
    """Draw this picture from now on; None: none, for the line is not there."""
    if picture is None and _Shown.picture is None:
        return
    _Shown.picture, _Shown.texture = picture, None
    _redraw()


def shown() -> LivePicture | None:
    """The picture that is drawn at present."""
    return _Shown.picture


def _redraw(but: Any = None) -> None:
    """Have the 3D views drawn again, without the region `but`."""
    for window in window_manager(bpy.context).windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "WINDOW" and region != but:
                        region.tag_redraw()


def _draw() -> None:
    newer = _Shown.newer() if _Shown.newer is not None else None
    if newer is not None:
        _Shown.picture, _Shown.texture = newer, None
        _redraw(bpy.context.region)
    plane, picture, scene = _Shown.plane, _Shown.picture, bpy.context.scene
    if plane is None or picture is None or scene is None or scene.name != plane.scene:
        return
    camera: Any = scene.objects.get(plane.camera)
    if camera is None:  # undone, or deleted
        return
    if _Shown.texture is None:
        _Shown.texture = _texture(picture)
    shader = _gpu.shader.from_builtin("IMAGE")
    # The picture's first row is its highest.
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": plane.corners, "texCoord": ((0, 1), (1, 1), (1, 0), (0, 0))})
    _gpu.state.blend_set("ALPHA")
    _gpu.state.depth_test_set("LESS_EQUAL")
    try:
        with _gpu.matrix.push_pop():
            _gpu.matrix.multiply_matrix(camera.matrix_world.normalized())
            shader.uniform_sampler("image", _Shown.texture)
            batch.draw(shader)
            _gpu.state.depth_test_set("NONE")
        live_controls.draw(bpy.context)
    finally:
        _gpu.state.depth_test_set("NONE")
        _gpu.state.blend_set("NONE")


def _texture(picture: LivePicture) -> Any:
    """A picture as the GPU has it."""
    values = memoryview(picture.rgba).cast("f")
    buffer = _gpu.types.Buffer("FLOAT", len(values), values)
    return _gpu.types.GPUTexture((picture.width, picture.height), format="RGBA16F", data=buffer)
