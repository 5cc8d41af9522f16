"""A take's camera and head as Blender objects, and back: an animated object of the scene as poses to render with."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import bpy
from mathutils import Matrix

from ..shared.timing import fps_text
from ..take import Take
from . import keys, owned

SENSOR_WIDTH_MM = 36.0
_POSE_PATHS = ("location", "rotation_quaternion")
_EMPTY_SIZE_M = 0.1


def bring(
    scene: bpy.types.Scene,
    take: Take,
    group: bpy.types.Collection,
    frame_start: int,
    *,
    moving_head: bool = False,
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """Camera and head of a take, keyed at every frame. Returns (camera, head).

    The camera moves about a head that stands still in the origin; with `moving_head` the camera keeps its first pose
    and the head moves instead. Both give the same picture.
    """
    take_id = str(take.folder)
    data = owned.find(bpy.data.cameras, take_id, "camera")
    if data is None:
        data = owned.mark(bpy.data.cameras.new(f"Talker Camera {take.name}"), take_id, "camera")
    camera = owned.scene_object(group, take_id, "camera", data.name, data)
    head = owned.scene_object(group, take_id, "head", f"Talker Head {take.name}", None)
    head.empty_display_type = "ARROWS"
    head.empty_display_size = _EMPTY_SIZE_M

    frames = keys.take_frames(take.frame_count, take.fps, frame_start, keys.scene_fps(scene))
    _key_lens(data, take, frames)
    world_from_camera = [Matrix(pose) for pose in take.camera_to_world]
    if moving_head:
        first = world_from_camera[0]
        _hold(camera, first)
        _key_poses(head, take_id, "head", frames, [first @ pose.inverted() for pose in world_from_camera])
    else:
        _hold(head, Matrix.Identity(4))
        _key_poses(camera, take_id, "camera", frames, world_from_camera)
    return camera, head


def _key_lens(data: bpy.types.Camera, take: Take, frames: list[float]) -> None:
    """The camera of the footage's whole frame; it does not change within a take, so one key says it."""
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_WIDTH_MM
    data.clip_start = 0.01
    values = dict(zip(("lens", "shift_x", "shift_y"), take.footage_camera.blender_lens(SENSOR_WIDTH_MM), strict=True))
    action = owned.action(data, str(take.folder), "lens", f"Talker Lens {take.name}")
    for name, value in values.items():
        setattr(data, name, value)
        keys.write(data, action, name, 0, frames[:1], [value])


def _hold(item: bpy.types.Object, pose: Matrix) -> None:
    keys.erase(item, _POSE_PATHS)
    item.rotation_mode = "QUATERNION"
    item.matrix_world = pose


def _key_poses(item: bpy.types.Object, take_id: str, role: str, frames: list[float], poses: list[Matrix]) -> None:
    item.rotation_mode = "QUATERNION"
    rotations = [pose.to_quaternion() for pose in poses]
    for before, after in zip(rotations, rotations[1:], strict=False):
        after.make_compatible(before)
    action = owned.action(item, take_id, f"{role}_poses", f"Talker {role.title()} {Path(take_id).name}")
    for axis in range(3):
        keys.write(item, action, "location", axis, frames, [pose.translation[axis] for pose in poses])
    for axis in range(4):
        keys.write(item, action, "rotation_quaternion", axis, frames, [rotation[axis] for rotation in rotations])
    item.matrix_world = poses[0]


def show_take_behind(scene: bpy.types.Scene, camera: bpy.types.Object, take: Take, frame_start: int) -> None:
    """The take's pictures as the camera's background, where they lie in the footage's frame."""
    data, take_id = camera.data, str(take.folder)
    if take.preview is not None:
        image = owned.image(str(take.preview), take_id, "camera_background", "MOVIE")
        first = take.preview_first_frame
    elif take.frame_files:
        first = take.first_frame
        image = owned.image(str(take.folder / take.frame_files[first]), take_id, "camera_background", "SEQUENCE")
    else:
        return
    background = next((b for b in data.background_images if b.image == image), None) or data.background_images.new()
    background.image = image
    background.frame_method = "FIT"
    background.image_user.frame_start = frame_start + first - 1
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


def write_poses(
    scene: bpy.types.Scene, head: bpy.types.Object, camera: bpy.types.Object, frame_start: int, count: int, path: Path
) -> Path:
    """Poses for `talker render --pose FILE`: where the camera is from the head, at `count` frames from `frame_start`.

    The head looks along the object's -Y, up is its Z, units are metres; an object's scale is left out.
    """
    keep = scene.frame_current
    fps: Fraction = keys.scene_fps(scene)
    poses = []
    for frame in range(frame_start, frame_start + count):
        scene.frame_set(frame)
        world_from_head, world_from_camera = (m.matrix_world.normalized() for m in (head, camera))
        poses.append([list(row) for row in world_from_head.inverted() @ world_from_camera])
    scene.frame_set(keep)
    width = scene.render.resolution_x * scene.render.resolution_percentage // 100
    height = scene.render.resolution_y * scene.render.resolution_percentage // 100
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    values = {
        "fps": fps_text(fps),
        "footage": {"width": width, "height": height},
        "camera_to_world": poses,
    }
    temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path
