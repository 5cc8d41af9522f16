"""A sound file onto the timeline, as the line that the head is to say."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat
from ..properties import settings_of
from . import paths


def add(scene: bpy.types.Scene, path: Path, frame: int) -> int:
    """A sound file as the scene's line: a strip that begins at `frame`, on a channel that is free. The frame after it.

    In a Blender without sound the line is the file itself, from `frame` on.
    """
    settings = settings_of(scene)
    if not compat.has_sound():
        settings.line_source, settings.line_file, settings.line_frame = "FILE", paths.stored(path), frame
        return frame
    editor = scene.sequence_editor or scene.sequence_editor_create()
    collection = compat.strips(editor)
    taken = {strip.channel for strip in collection if compat.strip_range(strip)[1] > frame}
    channel = next(number for number in range(1, len(taken) + 2) if number not in taken)
    strip = collection.new_sound(path.stem, str(path), channel, frame)
    strip.sound.filepath = paths.stored(path)
    settings.line_source, settings.line_strip = "STRIP", strip.name
    return compat.strip_range(strip)[1]
