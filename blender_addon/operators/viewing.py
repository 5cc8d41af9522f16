"""Operators for looking at results: show colours as filmed, open a picture or a movie in the system's viewer."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import compat
from ..bridge import colour
from ..jobs import shown


class TALKER_OT_exact_colours(bpy.types.Operator):
    """Set the view transform to Standard, without look, exposure, gamma or curves, so that footage looks as filmed"""

    bl_idname = "talker.exact_colours"
    bl_label = "Show Colours as Filmed"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if not colour.make_exact(compat.sequencer_scene(context)):
            self.report(
                {"WARNING"},
                f"This colour configuration has no view {colour.EXACT_VIEW}: choose one that changes nothing.",
            )
        return {"FINISHED"}


class TALKER_OT_open_file(bpy.types.Operator):
    """Open this file in the system's viewer"""

    bl_idname = "talker.open_file"
    bl_label = "Open"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[Any]:
        path = Path(bpy.path.abspath(self.filepath))
        if not path.exists():
            self.report({"ERROR"}, f"There is no {path}.")
            return {"CANCELLED"}
        outcome: Any = bpy.ops.wm.path_open(filepath=str(path))
        return outcome


class TALKER_OT_dismiss(bpy.types.Operator):
    """Dismiss this message"""

    bl_idname = "talker.dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        shown.dismiss(context)
        return {"FINISHED"}


CLASSES = (TALKER_OT_exact_colours, TALKER_OT_open_file, TALKER_OT_dismiss)
