"""Bring Back: a rendered line into the scene, in one step that can be undone."""

from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .. import compat
from ..bridge.bring_back import bring_back, options_of
from ..properties import settings_of
from ..shared.errors import TalkerError


class TALKER_OT_bring_back(bpy.types.Operator):
    """Import a rendered line: strips, camera, performance curves and compositor nodes"""

    bl_idname = "talker.bring_back"
    bl_label = "Bring Back"
    bl_options = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Take",
        description="Folder of the rendered line; empty: the scene's",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    frame: IntProperty(
        name="Start",
        description="Frame at which the line begins; the scene's where it is not given",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        folder = self.folder or settings.take
        if not folder:
            self.report({"ERROR"}, "Choose a rendered line's folder, or render a line first.")
            return {"CANCELLED"}
        frame = self.frame if self.properties.is_property_set("frame") else settings.take_frame
        try:
            done = bring_back(scene, bpy.path.abspath(folder), frame, options_of(settings))
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings.take, settings.take_frame = folder, frame
        self.report({"INFO"}, f"{done.take} is on frames {done.frame_start} to {done.frame_end}.")
        for warning in done.warnings:  # last, since the status bar keeps the last report
            self.report({"WARNING"}, warning)
        return {"FINISHED"}


CLASSES = (TALKER_OT_bring_back,)
