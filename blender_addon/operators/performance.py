"""Operators on the performance object's F-curves: save them to a file, make them editable."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import FloatProperty, StringProperty

from ..blender_types import scene
from ..bridge import curves
from ..bridge.files import write_json
from ..properties import settings_of
from ..shared import layout
from ..shared.errors import InputError, TalkerError
from .saving import SavesFile


class TALKER_OT_export_performance(SavesFile, bpy.types.Operator):
    """Save the performance curves, as they are edited now, to a file that a line can be rendered with"""

    bl_idname = "talker.export_performance"
    bl_label = "Export Performance"

    default_name = layout.PERFORMANCE_FILE
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if controller_of(context) is not None:
            return True
        cls.poll_message_set("Bring a take back first: its performance object is what is exported")
        return False

    def write(self, context: bpy.types.Context, path: Path) -> str:
        controller = controller_of(context)
        if controller is None:
            raise InputError("There is no performance object.", "Bring a take back first.")
        values = curves.performance(scene(context), controller)
        write_json(path, values)
        return f"{len(values['curves'])} curves"


class TALKER_OT_edit_base_curves(bpy.types.Operator):
    """Make the predicted curves editable: unlocked, and simplified from a key on every frame to few keys. The line is
    then rendered with them (Use Edited Curves); direction stays on top of them"""

    bl_idname = "talker.edit_base_curves"
    bl_label = "Edit Base Curves"
    bl_options = {"REGISTER", "UNDO"}

    error: FloatProperty(
        name="Error",
        description="How far a curve may be off in any frame, of its range of 1; 0 leaves the keys as they are",
        default=0.01, min=0.0, max=0.2, precision=3, step=0.1,
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if controller_of(context) is not None:
            return True
        cls.poll_message_set("Bring a take back first: its performance object has the curves")
        return False

    def execute(self, context: bpy.types.Context) -> set[Any]:
        controller, here = controller_of(context), scene(context)
        if controller is None:
            self.report({"ERROR"}, "There is no performance object. Bring a take back first.")
            return {"CANCELLED"}
        try:
            before, after = curves.make_editable(here, controller, self.error)
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings_of(here).use_performance = True
        self.report(
            {"INFO"}, f"{controller.name}: {before} keys are {after} now, no frame off by more than {self.error:g}."
        )
        return {"FINISHED"}


def controller_of(context: bpy.types.Context) -> bpy.types.Object | None:
    """The performance object meant: the active one, or else that of the scene's take."""
    active: Any = context.object
    if active is not None and curves.CURVES_KEY in active:
        return active
    folder = settings_of(scene(context)).take
    return curves.find_controller(Path(bpy.path.abspath(folder))) if folder else None


CLASSES = (TALKER_OT_export_performance, TALKER_OT_edit_base_curves)
