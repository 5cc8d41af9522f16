"""A take on the timeline: pictures, clean plate and sound as strips, at the line's frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import bpy

from .. import compat
from ..take import Take
from . import keys, owned

_NO_MULTILAYER = (
    "This Blender's sequencer cannot read multilayer EXR: the timeline shows the preview movie, without alpha. "
    "The compositor has it all."
)
_ALMOST_OPAQUE = 0.99999
"""Strength of the pictures' strip. At 1, Blender 4.5 and 5.0 take a multilayer EXR for a picture without alpha, and
leave out whatever lies below it."""


def timeline_length(take: Take, timeline_fps: Fraction) -> int:
    """Timeline frames that the take's whole line lasts."""
    return math.ceil(take.frame_count * timeline_fps / take.fps)


def shown_frames(take: Take, timeline_fps: Fraction) -> tuple[int, list[int]]:
    """(timeline frames before the first picture, the take's frame that each timeline frame from there shows).

    Where the rates agree this is every picture once; otherwise pictures are held or dropped so that each is shown at
    its time.
    """
    first, last = take.first_frame, max(take.frame_files)
    lead = math.ceil((first - 1) * timeline_fps / take.fps)
    shown = []
    for index in range(lead, math.ceil(last * timeline_fps / take.fps)):
        shown.append(min(last, math.floor(index * take.fps / timeline_fps) + 1))
    return lead, shown


def bring_pictures(scene: bpy.types.Scene, take: Take, frame_start: int, channel: int) -> tuple[object | None, str]:
    """The take's frames as an image strip with alpha. Returns (strip, warning or "").

    A Blender whose sequencer cannot read multilayer EXR gets the preview movie, which has no alpha.
    """
    fps = keys.scene_fps(scene)
    collection = compat.strips(scene.sequence_editor)
    lead, shown = shown_frames(take, fps)
    names = [take.frame_files[n] for n in shown]
    strip = owned.find(collection, str(take.folder), "pictures")
    if strip is not None and strip.type == "MOVIE":  # a sequencer that could not read the frames before
        return bring_movie(scene, take, frame_start, channel), _NO_MULTILAYER
    strip = _image_strip(collection, take, "pictures", take.folder, names, channel, frame_start + lead, strip)
    if take.is_exr and not _readable(strip):
        collection.remove(strip)
        return bring_movie(scene, take, frame_start, channel) if take.preview else None, _NO_MULTILAYER
    strip.blend_type = "ALPHA_OVER"
    strip.blend_alpha = _ALMOST_OPAQUE
    place(scene, take, strip, (take.picture.width, take.picture.height))
    return strip, ""


def bring_plate(
    scene: bpy.types.Scene, take: Take, plate: Path, plate_size: tuple[int, int], frame_start: int, channel: int
) -> object:
    """The clean plate as a still strip for the length of the line."""
    collection = compat.strips(scene.sequence_editor)
    strip = owned.find(collection, str(take.folder), "plate")
    strip = _image_strip(collection, take, "plate", plate.parent, [plate.name], channel, frame_start, strip)
    compat.set_strip_length(strip, timeline_length(take, keys.scene_fps(scene)))
    strip.blend_type = "ALPHA_OVER"
    place(scene, take, strip, plate_size)
    return strip


def bring_sound(scene: bpy.types.Scene, take: Take, frame_start: int, channel: int) -> object:
    """The take's sound as a strip, as long as its pictures."""
    collection = compat.strips(scene.sequence_editor)
    strip = owned.find(collection, str(take.folder), "sound")
    if strip is None:
        strip = collection.new_sound(f"{take.name} sound", str(take.audio), channel, frame_start)
        owned.mark(strip, str(take.folder), "sound")
    else:
        strip.sound.filepath = str(take.audio)
    compat.set_strip_content_start(strip, frame_start)
    compat.set_strip_length(strip, timeline_length(take, keys.scene_fps(scene)))
    return strip


def place(scene: bpy.types.Scene, take: Take, strip, size: tuple[int, int]) -> None:
    """Put a strip's picture of `size` px where the crop lies in the footage, the footage filling the scene's width."""
    scene_px_per_footage_px = scene.render.resolution_x / take.footage_size[0]
    width, height = take.footage_size
    crop, transform = take.crop, strip.transform
    transform.scale_x = crop.width / size[0] * scene_px_per_footage_px
    transform.scale_y = crop.height / size[1] * scene_px_per_footage_px
    transform.offset_x = (crop.x + crop.width / 2 - width / 2) * scene_px_per_footage_px
    transform.offset_y = (height / 2 - crop.y - crop.height / 2) * scene_px_per_footage_px


def free_channels(scene: bpy.types.Scene, take_id: str, frame_start: int, length: int, count: int) -> int:
    """Lowest channel above which `count` channels in a row are free for the line, other takes and strips considered."""
    taken = set()
    for strip in compat.strips(scene.sequence_editor):
        start, end = compat.strip_range(strip)
        if strip.get(owned.TAKE_KEY) != take_id and start < frame_start + length and end > frame_start:
            taken.add(strip.channel)
    channel = 1
    while any(c in taken for c in range(channel, channel + count)):
        channel += 1
    return channel


def heard_at(scene: bpy.types.Scene, take_id: str, frame: int) -> object | None:
    """An unmuted sound strip, not of this take, that starts at this frame: most often the line itself."""
    for strip in compat.strips(scene.sequence_editor):
        if strip.type == "SOUND" and not strip.mute and strip.get(owned.TAKE_KEY) != take_id:
            if compat.strip_range(strip)[0] == frame:
                return strip
    return None


def _image_strip(
    collection, take: Take, role: str, folder: Path, names: Sequence[str], channel: int, frame: int, strip
) -> object:
    """A new image strip of these files, or `strip` brought up to date."""
    if strip is None:
        strip = owned.mark(
            collection.new_image(f"{take.name} {role}", str(folder / names[0]), channel, frame, fit_method="ORIGINAL"),
            str(take.folder),
            role,
        )
    strip.directory = str(folder)
    if [element.filename for element in strip.elements] != list(names):
        while len(strip.elements) > 1:
            strip.elements.pop(len(strip.elements) - 1)
        strip.elements[0].filename = names[0]
        for name in names[1:]:
            strip.elements.append(name)
    compat.set_strip_content_start(strip, frame)
    compat.set_strip_length(strip, len(names))
    return strip


def bring_movie(scene: bpy.types.Scene, take: Take, frame_start: int, channel: int) -> object:
    """The preview movie as a strip, for a take without frames or a sequencer that cannot read them."""
    collection = compat.strips(scene.sequence_editor)
    fps = keys.scene_fps(scene)
    lead = math.ceil((take.preview_first_frame - 1) * fps / take.fps)
    strip = owned.find(collection, str(take.folder), "pictures")
    if strip is not None and strip.type != "MOVIE":
        collection.remove(strip)
        strip = None
    if strip is None:
        strip = collection.new_movie(f"{take.name} pictures", str(take.preview), channel, frame_start + lead)
        owned.mark(strip, str(take.folder), "pictures")
    else:
        strip.filepath = str(take.preview)
    compat.set_strip_content_start(strip, frame_start + lead)
    strip.blend_type = "ALPHA_OVER"
    place(scene, take, strip, (strip.elements[0].orig_width or take.picture.width,) * 2)
    return strip


def _readable(strip) -> bool:
    """Whether the sequencer found a picture in an image strip's first file."""
    return strip.elements[0].orig_width > 0
