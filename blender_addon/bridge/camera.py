"""A take's camera and head as Blender objects."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Matrix

from . import colour, keys, tagged
from .fit import Fit, Part
from .placement import Placement

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
    """The camera of the scene's picture; it does not change within a take, so one key says it.

    The side that footage and picture share is fitted, so that these values hold at any size of the scene's picture.
    """
    take, fit = placement.take, placement.fit
    width, height = take.footage_size
    lens, shift_x, shift_y = take.footage_camera.blender_lens(SENSOR_WIDTH_MM)
    data.sensor_fit = "HORIZONTAL" if fit.by_width else "VERTICAL"
    data.sensor_width, data.sensor_height = SENSOR_WIDTH_MM, SENSOR_WIDTH_MM * height / width
    data.clip_start = 0.01
    per_side = 1.0 if fit.by_width else width / height  # a shift counts in the side that is fitted
    values = {"lens": lens, "shift_x": shift_x * per_side, "shift_y": shift_y * per_side}
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


def show_take_behind(camera: bpy.types.Object, placement: Placement) -> None:
    """The take's pictures as the camera's background, where they lie in the footage's frame."""
    take, take_id = placement.take, placement.take_id
    data: Any = camera.data
    if take.preview is not None:
        image = tagged.image(take.preview, take_id, "camera_background", "MOVIE")
        colour.read_as(image, take.transfer, placement.warnings)
        first = take.preview_first_frame
    elif take.frame_files:
        first = take.first_frame
        image = tagged.image(take.folder / take.frame_files[first], take_id, "camera_background", "SEQUENCE")
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
    picture = take.picture.width, take.picture.height
    size = (image.size[0], image.size[1]) if image.size[0] else picture
    part = Part.of(take.crop, picture, size)
    background.scale, background.offset = background_placement(placement.fit, part, size)


def background_placement(fit: Fit, part: Part, picture: tuple[int, int]) -> tuple[float, tuple[float, float]]:
    """(scale, offset) of a camera's background picture of `picture` px, framed by FIT, that shows this part.

    Blender takes the side of the camera's frame that is fitted for 1, scales the picture about the frame's centre from
    the size at which it fits into the frame, and counts offsets in units that go with both shapes (drawing of camera
    backgrounds in Blender's overlay engine).
    """
    wide, high = fit.scene[0], fit.scene[1] * fit.pixel_height
    frame_shape, picture_shape = wide / high, picture[0] / picture[1]
    side = wide if fit.by_width else high
    fitted_width = min(wide, high * picture_shape)
    right, up = fit.offset(part)
    offset_x = right / side / min(1.0, frame_shape)
    offset_y = up * fit.pixel_height / side * max(1.0, frame_shape) * picture_shape / frame_shape
    return part.width * fit.scale[0] / fitted_width, (offset_x, offset_y)


def enclosing(scene: bpy.types.Scene, camera: bpy.types.Object) -> list[str]:
    """Names of rendered meshes in whose box the camera stands, as in the cube of a new file."""
    place = camera.matrix_world.translation
    found = []
    for item in scene.objects:
        if item.type != "MESH" or item.hide_render or not item.dimensions.length:
            continue
        here: Any = item.matrix_world.inverted_safe() @ place
        low, high = (tuple(f(c[axis] for c in item.bound_box) for axis in range(3)) for f in (min, max))
        if all(a < x < b for a, x, b in zip(low, here, high, strict=True)):
            found.append(item.name)
    return sorted(found)
