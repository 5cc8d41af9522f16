"""A take on the timeline: pictures, clean plate and sound as strips, at the line's frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import compat
from ..blender_types import PictureStrip, SoundStrip
from . import colour, tagged
from .placement import Placement
from .take import Take

_NO_MULTILAYER = (
    "This Blender's sequencer cannot read multilayer EXR: the timeline shows the preview movie, without alpha. "
    "The compositor has it all."
)
_ALMOST_OPAQUE = 0.99999
"""Strength of the pictures' strip. At 1, Blender 4.5 and 5.0 take a multilayer EXR for a picture without alpha, and
leave out whatever lies below it."""


def bring_pictures(scene: bpy.types.Scene, placement: Placement, channel: int) -> PictureStrip | None:
    """The take's frames as an image strip with alpha.

    A Blender whose sequencer cannot read multilayer EXR gets the preview movie, which has no alpha; None without one.
    """
    take = placement.take
    collection = compat.strips(editor_of(scene))
    lead, shown = placement.shown_frames()
    names = [take.frame_files[n] for n in shown]
    strip = tagged.find(collection, placement.take_id, "pictures")
    if strip is not None and strip.type == "MOVIE":  # a sequencer that could not read the frames before
        placement.warnings.append(_NO_MULTILAYER)
        return bring_movie(scene, placement, channel)
    files = _Files(take.folder, names, placement.frame_start + lead)
    strip = _image_strip(scene, placement, "pictures", files, channel, strip)
    if take.is_exr and not _readable(strip):
        collection.remove(strip)
        placement.warnings.append(_NO_MULTILAYER)
        return bring_movie(scene, placement, channel) if take.preview else None
    colour.read_as(strip, take.frames_transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    strip.blend_alpha = _ALMOST_OPAQUE
    _lay_over_crop(scene, take, strip, (take.picture.width, take.picture.height))
    return strip


def bring_plate(
    scene: bpy.types.Scene, placement: Placement, plate: Path, plate_size: tuple[int, int], channel: int
) -> PictureStrip:
    """The clean plate as a still strip for the length of the line."""
    strip = tagged.find(compat.strips(editor_of(scene)), placement.take_id, "plate")
    files = _Files(plate.parent, [plate.name], placement.frame_start)
    strip = _image_strip(scene, placement, "plate", files, channel, strip)
    compat.set_strip_length(strip, placement.length)
    colour.read_as(strip, placement.take.transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    _lay_over_crop(scene, placement.take, strip, plate_size)
    return strip


def bring_sound(scene: bpy.types.Scene, placement: Placement, channel: int) -> SoundStrip:
    """The take's sound as a strip, as long as its pictures."""
    take = placement.take
    collection = compat.strips(editor_of(scene))
    strip = tagged.find(collection, placement.take_id, "sound")
    if strip is None:
        strip = collection.new_sound(f"{take.name} sound", str(take.audio), channel, placement.frame_start)
        tagged.mark(strip, placement.take_id, "sound")
    else:
        strip.sound.filepath = str(take.audio)
    compat.set_strip_content_start(strip, placement.frame_start)
    compat.set_strip_length(strip, placement.length)
    return strip


def bring_movie(scene: bpy.types.Scene, placement: Placement, channel: int) -> PictureStrip:
    """The preview movie as a strip, for a take without frames or a sequencer that cannot read them."""
    take = placement.take
    collection = compat.strips(editor_of(scene))
    start = placement.frame_start + placement.lead(take.preview_first_frame)
    strip = tagged.find(collection, placement.take_id, "pictures")
    if strip is not None and strip.type != "MOVIE":
        collection.remove(strip)
        strip = None
    if strip is None:
        strip = collection.new_movie(f"{take.name} pictures", str(take.preview), channel, start)
        tagged.mark(strip, placement.take_id, "pictures")
    else:
        strip.filepath = str(take.preview)
    compat.set_strip_content_start(strip, start)
    colour.read_as(strip, take.transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    _lay_over_crop(scene, take, strip, (strip.elements[0].orig_width or take.picture.width,) * 2)
    return strip


def read_footage(scene: bpy.types.Scene, placement: Placement, footage: Path) -> None:
    """Have the artist's own strips of the footage read by its colour space, where that is not the plate's too."""
    take = placement.take
    if take.footage_space == take.transfer:
        return
    for strip in compat.strips(editor_of(scene)):
        is_own = strip.get(tagged.TAKE_KEY) == placement.take_id
        if strip.type != "MOVIE" or is_own or Path(bpy.path.abspath(strip.filepath)).resolve() != footage.resolve():
            continue
        stops = colour.read_as(strip, take.footage_space, placement.warnings)
        if stops:
            placement.warnings.append(
                f"Strip {strip.name} shows the HDR footage {-stops:.2f} stops brighter than the head, whose white is "
                "reference white. Lower it by as much, or use the compositor, where that is done."
            )


def editor_of(scene: bpy.types.Scene) -> bpy.types.SequenceEditor:
    """The scene's timeline, made where there is none."""
    return scene.sequence_editor or scene.sequence_editor_create()


def free_channels(scene: bpy.types.Scene, placement: Placement, count: int) -> int:
    """Lowest channel above which `count` channels in a row are free for the line, other takes and strips considered."""
    taken = set()
    for strip in compat.strips(editor_of(scene)):
        start, end = compat.strip_range(strip)
        is_other = strip.get(tagged.TAKE_KEY) != placement.take_id
        if is_other and start < placement.frame_after and end > placement.frame_start:
            taken.add(strip.channel)
    channel = 1
    while any(c in taken for c in range(channel, channel + count)):
        channel += 1
    return channel


def sound_at_start(scene: bpy.types.Scene, placement: Placement) -> SoundStrip | None:
    """An unmuted sound strip, not of this take, that starts where the take does: most often the line itself."""
    for strip in compat.strips(editor_of(scene)):
        if strip.type == "SOUND" and not strip.mute and strip.get(tagged.TAKE_KEY) != placement.take_id:
            if compat.strip_range(strip)[0] == placement.frame_start:
                return strip
    return None


@dataclass(frozen=True)
class _Files:
    """Pictures for an image strip."""

    folder: Path
    names: Sequence[str]
    """One a timeline frame."""
    frame: int
    """Timeline frame of the first."""


def _image_strip(
    scene: bpy.types.Scene,
    placement: Placement,
    role: str,
    files: _Files,
    channel: int,
    strip: PictureStrip | None,
) -> PictureStrip:
    """A new image strip of these files, or `strip` brought up to date."""
    if strip is None:
        collection = compat.strips(editor_of(scene))
        name, first = f"{placement.take.name} {role}", str(files.folder / files.names[0])
        strip = collection.new_image(name, first, channel, files.frame, fit_method="ORIGINAL")
        tagged.mark(strip, placement.take_id, role)
    strip.directory = str(files.folder)
    if [element.filename for element in strip.elements] != list(files.names):
        while len(strip.elements) > 1:
            strip.elements.pop(len(strip.elements) - 1)
        strip.elements[0].filename = files.names[0]
        for name in files.names[1:]:
            strip.elements.append(name)
    compat.set_strip_content_start(strip, files.frame)
    compat.set_strip_length(strip, len(files.names))
    return strip


def _readable(strip: PictureStrip) -> bool:
    """Whether the sequencer found a picture in an image strip's first file."""
    return strip.elements[0].orig_width > 0


def _lay_over_crop(scene: bpy.types.Scene, take: Take, strip: PictureStrip, size: tuple[int, int]) -> None:
    """Put a strip's picture of `size` px where the crop lies in the footage, the footage filling the scene's width."""
    scene_px_per_footage_px = scene.render.resolution_x / take.footage_size[0]
    width, height = take.footage_size
    crop, transform = take.crop, strip.transform
    transform.scale_x = crop.width / size[0] * scene_px_per_footage_px
    transform.scale_y = crop.height / size[1] * scene_px_per_footage_px
    transform.offset_x = (crop.x + crop.width / 2 - width / 2) * scene_px_per_footage_px
    transform.offset_y = (height / 2 - crop.y - crop.height / 2) * scene_px_per_footage_px
