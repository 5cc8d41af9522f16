"""Operators of direction: a rig for the line, and what is keyed on it as a file."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import compat
from ..bridge import audio, curves, direction
from ..bridge.files import write_json
from ..jobs import steps, takes
from ..properties import settings_of
from ..shared import layout
from ..shared.errors import InputError, TalkerError
from .saving import SavesFile


class TALKER_OT_direct_line(bpy.types.Operator):
    """Lay controls over the line: bones for jaw, lips, smile, brows, lids, gaze, head and speech, to be keyed. What is
    predicted or recorded stays as it is below them. Pressed again, it selects them"""

    bl_idname = "talker.direct_line"
    bl_label = "Direct This Line"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = compat.sequencer_scene(context)
        try:
            rig = rig_of_line(scene)
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        direction.select(context, rig)
        self.report({"INFO"}, f"{rig.name}: key its bones; 0 changes nothing.")
        return {"FINISHED"}


class TALKER_OT_export_direction(SavesFile, bpy.types.Operator):
    """Save what is keyed on the line's controls to a file that the line can be rendered with elsewhere"""

    bl_idname = "talker.export_direction"
    bl_label = "Export Direction"

    default_name = layout.DIRECTION_FILE
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if direction.find(takes.id_of_chosen(compat.sequencer_scene(context))) is not None:
            return True
        cls.poll_message_set("This line is not directed")
        return False

    def write(self, context: bpy.types.Context, path: Path) -> str:
        scene = compat.sequencer_scene(context)
        rig = direction.find(takes.id_of_chosen(scene))
        if rig is None:
            raise InputError("This line is not directed.", "Press Direct This Line.")
        line = audio.line(scene)
        values = direction.read(scene, rig, line.frame_start, line.frame_count)
        write_json(path, values)
        return f"{len(values['controls'])} controls"


def rig_of_line(scene: bpy.types.Scene) -> bpy.types.Object:
    """The rig of the line that a scene's settings name, made where there is none. Raises InputError without a line."""
    line = audio.line(scene)
    output = steps.absolute(settings_of(scene).output, "Output")
    strip = line.name if line.source == "STRIP" else ""
    folder = takes.folder(line, output, scene)
    base = curves.find_controller(folder)
    if base is not None and not settings_of(scene).use_performance:
        curves.set_locked(base, True)
    return direction.bring(scene, folder, takes.line_id(line, output), strip, line.frame_start)


CLASSES = (TALKER_OT_direct_line, TALKER_OT_export_direction)
