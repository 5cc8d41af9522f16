"""Dub mode in a scene: the footage under a line as text for the backend, and under a dubbed take for the composite."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..properties import settings_of
from ..shared.dubbing import dub_text, footage_frames, parse_dub, ranges_of
from ..shared.errors import InputError
from . import footage_strips, paths
from .audio import Line
from .take import Take

OFF = "OFF"
_LARGEST = 1 << 31


def footage_of(scene: bpy.types.Scene) -> Path:
    """The footage of a scene's settings. Raises InputError where none is chosen."""
    named = settings_of(scene).footage
    if not named.strip():
        raise InputError("No footage is chosen to be dubbed.", "Choose the footage in the Talker panel.")
    return Path(paths.absolute(named))


def under(scene: bpy.types.Scene, line: Line) -> str:
    """The footage's frames under a line (shared.dubbing). Raises InputError where none of it is seen there."""
    footage = footage_of(scene)
    frames, speeds = footage_strips.shown(scene, footage, line.frame_start, line.frame_count)
    ranges = ranges_of(frames, speeds)
    if not ranges:
        raise InputError(
            f"No strip of the footage {footage.name} is seen under the line {line.name}.",
            "Put the footage's strip under the line, or switch the dub off.",
        )
    return dub_text(ranges)


def options(scene: bpy.types.Scene, line: Line) -> dict[str, str]:
    """What a render of a line is asked for; nothing where the scene's settings want no dub. Raises InputError."""
    part = settings_of(scene).dub
    return {} if part == OFF else {"dub": under(scene, line), "dub_part": part.lower()}


def told(scene: bpy.types.Scene, line_start: int) -> dict:
    """What of the timeline a dub of a line that begins at a frame depends on, without reading any file; empty without
    a dub."""
    settings = settings_of(scene)
    if settings.dub == OFF:
        return {}
    strips = footage_strips.told(scene, Path(paths.absolute(settings.footage))) if settings.footage.strip() else []
    return {"dub": settings.dub, "begins": line_start, "footage": strips}


def frames_of(take: Take) -> list[int | None] | None:
    """The footage's frame, from 1, under each frame of a take, None where it is not dubbed; None for a take that dubs
    nothing, or does not tell what."""
    asked = take.manifest.get("settings")
    text = asked.get("dub") if isinstance(asked, dict) else None
    if not isinstance(text, str):
        return None
    last = take.footage_last or _LARGEST
    try:
        return footage_frames(parse_dub(text), take.frame_count, 1, last)
    except ValueError:
        return None
