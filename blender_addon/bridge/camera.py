"""A take's camera and head as Blender objects, and back: an animated object of the scene as poses to render with."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Matrix

from ..shared.timing import fps_text
from . import colour, keys, tagged
from .placement import Placement
from .take import Take

SENSOR_WIDTH_MM = 36.0
_POSE_PATHS = ("location", "rotation_quaternion")
_EMPTY_SIZE_M = 0.1


def bring(
    placement: Placement, group: bpy.types.Collection, *, moving_head: bool = False
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """Camera and head of a take, keyed at every frame. Returns (camera, head).

    The camera moves about a head that stands still in the origin; with `moving_head` the camera keeps its first pose
    and the head moves instead. Both give the same picture.
    """
    take, take_id = placement.take, placement.take_id
    data = tagged.find(bpy.data.cameras, take_id, "camera")
    if data is None:
        data = tagged.mark(bpy.data.cameras.new(f"Talker Camera {take.name}"), take_id, "camera")
    camera = tagged.scene_object(group, take_id, "camera", data.name, data)
    head = tagged.scene_object(group, take_id, "head", f"Talker Head {take.name}", None)
    head.empty_display_type = "ARROWS"
    head.empty_display_size = _EMPTY_SIZE_M

    _key_lens(data, placement)
    world_from_camera = [Matrix(pose) for pose in take.camera_to_world]
    if moving_head:
        first = world_from_camera[0]
        _hold(camera, first)
        _key_poses(head, "head", placement, [first @ pose.inverted() for pose in world_from_camera])
    else:
        _hold(head, Matrix.Identity(4))
        _key_poses(camera, "camera", placement, world_from_camera)
    return camera, head


def _key_lens(data: bpy.types.Camera, placement: Placement) -> None:
    """The camera of the footage's whole frame; it does not change within a take, so one key says it."""
    take = placement.take
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_WIDTH_MM
    data.clip_start = 0.01
    values = dict(zip(("lens", "shift_x", "shift_y"), take.footage_camera.blender_lens(SENSOR_WIDTH_MM), strict=True))
    action = tagged.action(data, placement.take_id, "lens", f"Talker Lens {take.name}")
    for name, value in values.items():
        setattr(data, name, value)
        keys.write(data, action, name, 0, placement.frames()[:1], [value])


def _hold(item: bpy.types.Object, pose: Matrix) -> None:
    keys.erase(item, _POSE_PATHS)
    item.rotation_mode = "QUATERNION"
    item.matrix_world = pose


def _key_poses(item: bpy.types.Object, role: str, placement: Placement, poses: list[Matrix]) -> None:
    item.rotation_mode = "QUATERNION"
    rotations = [pose.to_quaternion() for pose in poses]
    for before, after in zip(rotations, rotations[1:], strict=False):
        after.make_compatible(before)
    frames = placement.frames()
    action = tagged.action(item, placement.take_id, f"{role}_poses", f"Talker {role.title()} {placement.take.name}")
    for axis in range(3):
        keys.write(item, action, "location", axis, frames, [pose.translation[axis] for pose in poses])
    for axis in range(4):
        keys.write(item, action, "rotation_quaternion", axis, frames, [rotation[axis] for rotation in rotations])
    item.matrix_world = poses[0]


def show_take_behind(scene: bpy.types.Scene, camera: bpy.types.Object, placement: Placement) -> None:
    """The take's pictures as the camera's background, where they lie in the footage's frame."""
    take, take_id = placement.take, placement.take_id
    data: Any = camera.data
    if take.preview is not None:
        image = tagged.image(str(take.preview), take_id, "camera_background", "MOVIE")
        colour.read_as(image, take.transfer, placement.warnings)
        first = take.preview_first_frame
    elif take.frame_files:
        first = take.first_frame
        image = tagged.image(str(take.folder / take.frame_files[first]), take_id, "camera_background", "SEQUENCE")
        colour.read_as(image, take.frames_transfer, placement.warnings)
    else:
        return
    background = next((b for b in data.background_images if b.image == image), None) or data.background_images.new()
    background.image = image
    background.frame_method = "FIT"
    background.image_user.frame_start = placement.frame_start + first - 1
    background.image_user.frame_offset = 0 if take.preview is not None else first - 1
    background.image_user.frame_duration = take.frame_count
    background.image_user.use_auto_refresh = True
    data.show_background_images = True
    background.scale, background.offset = 1.0, (0.0, 0.0)
    if tuple(image.size) != take.footage_size:
        _lay_over_crop(background, scene, take)


def _lay_over_crop(background: bpy.types.CameraBackgroundImage, scene: bpy.types.Scene, take: Take) -> None:
    """Scale and move a camera's background picture of the crop to where the crop lies in the camera's frame."""
    width, height = take.footage_size
    frame_height = width * scene.render.resolution_y / scene.render.resolution_x
    shown = min(width, frame_height)  # FIT: the square crop fills the frame's shorter side
    background.scale = take.crop.width / shown
    unit = shown * width / frame_height  # what Blender counts offsets in: the picture's size times the frame's shape
    right = take.crop.x + take.crop.width / 2 - width / 2
    up = height / 2 - take.crop.y - take.crop.height / 2
    background.offset = (right / unit, up / unit)


def poses(
    scene: bpy.types.Scene, head: bpy.types.Object, camera: bpy.types.Object, frame_start: int, count: int
) -> dict:
    """Poses for `talker render --pose FILE`: where the camera is from the head, at `count` frames from `frame_start`.

    The head looks along the object's -Y, up is its Z, units are metres; an object's scale is left out. The scene is
    evaluated at these frames, and stands where it stood afterwards.
    """
    keep, keep_subframe = scene.frame_current, scene.frame_subframe
    camera_to_world = []
    try:
        for frame in range(frame_start, frame_start + count):
            scene.frame_set(frame)
            world_from_head, world_from_camera = (m.matrix_world.normalized() for m in (head, camera))
            head_from_camera: Any = world_from_head.inverted() @ world_from_camera
            camera_to_world.append([list(row) for row in head_from_camera])
    finally:
        scene.frame_set(keep, subframe=keep_subframe)
    width = scene.render.resolution_x * scene.render.resolution_percentage // 100
    height = scene.render.resolution_y * scene.render.resolution_percentage // 100
    return {
        "fps": fps_text(keys.scene_fps(scene)),
        "footage": {"width": width, "height": height},
        "camera_to_world": camera_to_world,
    }
