"""Small helps: show colours as filmed, open a picture or a movie that the backend made."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from .. import compat
from ..bridge import colour


class TALKER_OT_exact_colours(bpy.types.Operator):
    """Set the view transform to Standard, without look, exposure, gamma or curves, so that footage looks as filmed"""

    bl_idname = "talker.exact_colours"
    bl_label = "Show Colours as Filmed"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        colour.make_exact(compat.sequencer_scene(context))
        return {"FINISHED"}


class TALKER_OT_open_file(bpy.types.Operator):
    """Open it in the system's own viewer"""

    bl_idname = "talker.open_file"
    bl_label = "Open"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        if not path.exists():
            self.report({"ERROR"}, f"There is no {path}.")
            return {"CANCELLED"}
        return bpy.ops.wm.path_open(filepath=str(path))


_CLASSES = (TALKER_OT_exact_colours, TALKER_OT_open_file)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
