"""The takes on a scene's timeline as OpenTimelineIO, for editing programs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..shared import layout
from ..shared.editorial import AUDIO, OURS, VIDEO, Clip, Media, on_tracks, timeline_text
from ..shared.errors import InputError
from ..shared.files import explaining, write_text
from ..shared.timing import parse_timecode
from . import keys, tagged
from .take import Take

_NONE = "There is no take on the timeline."
_BRING = "Bring one back first, with Pictures on the timeline."


def has_takes(scene: bpy.types.Scene) -> bool:
    """Whether pictures or sound of a take are on a scene's timeline."""
    return scene.sequence_editor is not None and any(map(_is_of_take, compat.all_strips(scene.sequence_editor)))


def _is_of_take(strip: Any) -> bool:
    return bool(tagged.folder_of(strip)) and strip.get(tagged.ROLE_KEY) in ("pictures", "sound")


def write(scene: bpy.types.Scene, out: Path) -> int:
    """Write pictures and sound of all takes on a scene's timeline, as they lie there now; how many clips there are.

    The scene's first frame is the timeline's, unless a take begins before it. Raises InputError where there is no take,
    or one of them is gone.
    """
    strips = [] if scene.sequence_editor is None else list(compat.all_strips(scene.sequence_editor))
    takes: dict[str, Take] = {}
    found = []
    for strip in strips:
        if _is_of_take(strip):
            folder = tagged.folder_of(strip)
            takes.setdefault(folder, Take.open(folder))
            found.append((strip, takes[folder]))
    if not found:
        raise InputError(_NONE, _BRING)
    fps, first = keys.scene_fps(scene), min([scene.frame_start, *(compat.strip_range(strip)[0] for strip, _ in found)])
    clips: dict[str, list[Clip]] = {VIDEO: [], AUDIO: []}
    for strip, take in found:
        kind = AUDIO if strip.type == "SOUND" else VIDEO
        clips[kind].append(_clip(strip, take, _sound(take) if kind == AUDIO else _pictures(take, strip), fps, first))
    tracks = [*on_tracks("Head", VIDEO, clips[VIDEO]), *on_tracks("Dialogue", AUDIO, clips[AUDIO])]
    with explaining(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, timeline_text(scene.name, fps, max(0, first), tracks, out.absolute().parent, {OURS: {}}))
    return sum(map(len, clips.values()))


def _clip(strip: Any, take: Take, media: Media, fps: Fraction, first: int) -> Clip:
    start, end = compat.strip_range(strip)
    skipped = Fraction(start - round(compat.strip_content_start(strip))) * media.fps / fps
    return Clip(take.name, media, Fraction(start - first), Fraction(end - start), skipped)


def _sound(take: Take) -> Media:
    return Media(take.folder / layout.AUDIO_FILE, take.fps, _start(take), take.frame_count)


def _pictures(take: Take, strip: Any) -> Media:
    if strip.type == "MOVIE" and take.preview is not None:
        first = take.preview_first_frame
        return Media(take.preview, take.fps, _start(take) + first - 1, strip.frame_duration)
    first = take.first_frame
    path = take.folder / take.frame_files[first]
    return Media(path, take.fps, _start(take) + first - 1, len(take.frame_files), first)


def _start(take: Take) -> int:
    """Time code of a line's first frame, in frames from midnight."""
    frames = take.manifest.get("frames")
    told = frames.get("timecode") if isinstance(frames, dict) else None
    try:
        return parse_timecode(told, take.fps) if isinstance(told, str) else 0
    except ValueError as error:
        raise InputError(f"The manifest of {take.folder} is damaged ({error}).", "Render the line again.") from error
