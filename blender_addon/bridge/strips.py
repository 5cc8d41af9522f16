"""A take on the timeline: pictures, clean plate and sound as strips, at the line's frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import PictureStrip, SoundStrip
from ..shared.errors import InputError
from . import colour, paths, tagged
from .fit import Part
from .placement import Placement
from .plate import Plate

_NO_MULTILAYER = (
    "This Blender's sequencer cannot read multilayer EXR: the timeline shows the preview movie, without alpha. "
    "The compositor has it all."
)
_ALMOST_OPAQUE = 0.99999
"""Strength of the pictures' strip. At 1, Blender 4.5 and 5.0 take a multilayer EXR for a picture without alpha, and
leave out whatever lies below it."""


def bring(
    scene: bpy.types.Scene, placement: Placement, plate: Plate | None, with_pictures: bool, over_pictures: bool = False
) -> list[str]:
    """The take's strips; their names. Without pictures, strips of them from before go. over_pictures: above all that is
    seen there, as a dub lies over the footage."""
    take = placement.take
    channel = free_channels(scene, placement, 3, over_pictures)
    made = []
    if take.audio is not None and compat.has_sound():
        line = heard_already(scene, placement)
        sound = bring_sound(scene, placement, take.audio, channel)
        sound.mute = bool(line)
        if line:
            placement.warnings.append(f"The line itself is heard from {line}, so the take's sound is muted.")
        made.append(sound.name)
    elif take.audio is not None:
        placement.warnings.append("This Blender has no sound: the take's sound strip is left out.")
    if not with_pictures or plate is None:
        _remove(scene, placement, "plate")
    if not with_pictures:
        _remove(scene, placement, "pictures")
        return made
    if plate is not None:
        made.append(bring_plate(scene, placement, plate, _image_size(placement, plate.path), channel + 1).name)
    pictures = None
    if take.frame_files:
        pictures = bring_pictures(scene, placement, channel + 2)
    elif take.preview is not None:
        pictures = bring_movie(scene, placement, take.preview, channel + 2)
    if pictures is not None:
        made.append(pictures.name)
    return made


def shows_pictures(scene: bpy.types.Scene) -> bool:
    """Whether the timeline shows any pictures, so that a render is the timeline's and not the compositor's."""
    editor = scene.sequence_editor
    return editor is not None and any(strip.type != "SOUND" and not strip.mute for strip in compat.strips(editor))


def _remove(scene: bpy.types.Scene, placement: Placement, role: str) -> None:
    collection = compat.strips(editor_of(scene))
    strip = tagged.find(collection, placement.take_id, role)
    if strip is not None:
        collection.remove(strip)


def _image_size(placement: Placement, path: Path) -> tuple[int, int]:
    width, height = tagged.image(path, placement.take_id, "plate").size
    if not width:
        raise InputError(f"{path} cannot be read as a picture.", "Preprocess the footage again.")
    return width, height


def bring_pictures(scene: bpy.types.Scene, placement: Placement, channel: int) -> PictureStrip | None:
    """The take's frames as an image strip with alpha.

    A Blender whose sequencer cannot read multilayer EXR gets the preview movie, which has no alpha; None without one.
    """
    take = placement.take
    collection = compat.strips(editor_of(scene))
    lead, shown = placement.shown_frames()
    names = [take.frame_files[n] for n in shown]
    strip = tagged.find(collection, placement.take_id, "pictures")
    if (
        strip is not None and strip.type == "MOVIE" and take.preview is not None
    ):  # a sequencer that could not read the frames before
        placement.warnings.append(_NO_MULTILAYER)
        return bring_movie(scene, placement, take.preview, channel)
    files = _Files(take.folder, names, placement.frame_start + lead)
    strip = _image_strip(scene, placement, "pictures", files, channel, strip)
    if take.is_exr and not _readable(strip):
        collection.remove(strip)
        placement.warnings.append(_NO_MULTILAYER)
        return bring_movie(scene, placement, take.preview, channel) if take.preview else None
    colour.read_as(strip, take.frames_transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    strip.blend_alpha = _ALMOST_OPAQUE
    size = take.picture.width, take.picture.height
    _lay(placement, strip, Part.of(take.crop, size, size), size)
    return strip


def bring_plate(
    scene: bpy.types.Scene, placement: Placement, plate: Plate, plate_size: tuple[int, int], channel: int
) -> PictureStrip:
    """The clean plate as a still strip for the length of the line."""
    strip = tagged.find(compat.strips(editor_of(scene)), placement.take_id, "plate")
    files = _Files(plate.path.parent, [plate.path.name], placement.frame_start)
    strip = _image_strip(scene, placement, "plate", files, channel, strip)
    compat.set_strip_length(strip, placement.length)
    colour.read_as(strip, placement.take.transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    _lay(placement, strip, plate.part, plate_size)
    return strip


def bring_sound(scene: bpy.types.Scene, placement: Placement, audio: Path, channel: int) -> SoundStrip:
    """The take's sound as a strip, as long as its pictures."""
    take = placement.take
    collection = compat.strips(editor_of(scene))
    strip = tagged.find(collection, placement.take_id, "sound")
    if strip is None:
        strip = collection.new_sound(f"{take.name} sound", str(audio), channel, placement.frame_start)
        tagged.mark(strip, placement.take_id, "sound")
    strip.sound.filepath = paths.stored(audio)
    compat.set_strip_content_start(strip, placement.frame_start)
    compat.set_strip_length(strip, placement.length)
    return strip


def bring_movie(scene: bpy.types.Scene, placement: Placement, preview: Path, channel: int) -> PictureStrip:
    """The preview movie as a strip, for a take without frames or a sequencer that cannot read them."""
    take = placement.take
    collection = compat.strips(editor_of(scene))
    start = placement.frame_start + placement.lead(take.preview_first_frame)
    strip = tagged.find(collection, placement.take_id, "pictures")
    if strip is not None and strip.type != "MOVIE":
        collection.remove(strip)
        strip = None
    if strip is None:
        strip = collection.new_movie(f"{take.name} pictures", str(preview), channel, start)
        tagged.mark(strip, placement.take_id, "pictures")
    strip.filepath = paths.stored(preview)
    compat.set_strip_content_start(strip, start)
    colour.read_as(strip, take.transfer, placement.warnings)
    strip.blend_type = "ALPHA_OVER"
    picture, element = (take.picture.width, take.picture.height), strip.elements[0]
    size = (element.orig_width, element.orig_height) if element.orig_width else picture
    _lay(placement, strip, Part.of(take.crop, picture, size), size)
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


def free_channels(scene: bpy.types.Scene, placement: Placement, count: int, over_pictures: bool = False) -> int:
    """Lowest channel above which `count` channels in a row are free for the line, other takes and strips considered;
    over_pictures: above all strips that show something there, too."""
    taken, shown = set(), 0
    for strip in compat.strips(editor_of(scene)):
        start, end = compat.strip_range(strip)
        is_other = strip.get(tagged.TAKE_KEY) != placement.take_id
        if is_other and start < placement.frame_after and end > placement.frame_start:
            taken.add(strip.channel)
            shown = max(shown, strip.channel if over_pictures and strip.type != "SOUND" else 0)
    channel = shown + 1
    while any(c in taken for c in range(channel, channel + count)):
        channel += 1
    return channel


def heard_already(scene: bpy.types.Scene, placement: Placement) -> str:
    """What the line is heard from besides the take's own strip, in words; "" where it is not.

    A line of a strip is heard from that strip, a line of a range from all that sounds there. Of other lines a strip
    that begins where the take does is most often the line itself.
    """
    others = [
        strip
        for strip in compat.strips(editor_of(scene))
        if strip.type in ("SOUND", "META", "SCENE") and not strip.mute and tagged.TAKE_KEY not in strip
    ]
    sounding = [strip for strip in others if _lies_in(strip, placement) and _sounds(strip)]
    source = placement.take.id.split("/")
    if source[0] == "scene" and source[2:3] == ["range"]:
        return "the range that it was made of" if sounding else ""
    if source[0] == "scene" and source[2:3] == ["strip"]:
        name = "/".join(source[3:])
        own = [strip for strip in sounding if strip.name == name or name in _names_inside(strip)]
        if own:
            return f"strip {own[0].name}"
    at_start = [strip for strip in sounding if compat.strip_range(strip)[0] == placement.frame_start]
    return f"strip {at_start[0].name}" if at_start else ""


def _lies_in(strip: Any, placement: Placement) -> bool:
    start, end = compat.strip_range(strip)
    return start < placement.frame_after and end > placement.frame_start


def _sounds(strip: Any) -> bool:
    """Whether a strip can be heard: a sound, a scene, or a meta strip with either in it."""
    if strip.type != "META":
        return strip.type in ("SOUND", "SCENE") and not strip.mute
    return not strip.mute and any(_sounds(inside) for inside in compat.strips(strip))


def _names_inside(strip: Any) -> set[str]:
    """Names of the strips in a meta strip, however deep."""
    if strip.type != "META":
        return set()
    inside = list(compat.strips(strip))
    return {one.name for one in inside}.union(*(_names_inside(one) for one in inside))


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
    strip.directory = paths.stored(files.folder)
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


def _lay(placement: Placement, strip: PictureStrip, part: Part, size: tuple[int, int]) -> None:
    """Put a strip's picture of `size` px where a part of the footage's frame lies in the scene's picture."""
    transform, (scale_x, scale_y) = strip.transform, placement.fit.scale
    transform.scale_x, transform.scale_y = part.width * scale_x / size[0], part.height * scale_y / size[1]
    transform.offset_x, transform.offset_y = placement.fit.offset(part)
