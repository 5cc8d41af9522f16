"""Operator for files that are dropped onto the Talker panel: a clip becomes the footage, a sound the next line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, StringProperty

from .. import compat
from ..bridge import line_strips, paths
from ..properties import settings_of

CLIPS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".mxf", ".ogv", ".webm", ".wmv")
SOUNDS = (".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav")


class TALKER_OT_take_files(bpy.types.Operator):
    """Take a clip as the footage, and sounds as lines at the current frame"""

    bl_idname = "talker.take_files"
    bl_label = "Use for Talker"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        dropped = [Path(self.directory) / file.name for file in self.files]
        clips = [path for path in dropped if path.suffix.lower() in CLIPS]
        sounds = [path for path in dropped if path.suffix.lower() in SOUNDS]
        if not clips and not sounds:
            self.report({"ERROR"}, "This is neither a clip nor a sound. Drop a movie file or a sound file.")
            return {"CANCELLED"}
        if clips:
            settings.footage = paths.stored(clips[0])
            self.report({"INFO"}, f"{clips[0].name} is the footage now.")
        if len(clips) > 1:
            self.report({"WARNING"}, f"Only one clip can be the footage: {clips[0].name} was taken.")
        frame = scene.frame_current
        for path in sounds:
            frame = line_strips.add(scene, path, frame)
        return {"FINISHED"}


CLASSES = (TALKER_OT_take_files,)
