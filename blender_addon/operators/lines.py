"""Operators of the list of lines: render what is out of date, take pictures along, bring an earlier take back."""

from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .. import compat
from ..bridge import audio
from ..jobs import connection, lines, steps, takes, versions
from ..jobs.steps import Notice, Step
from ..properties import settings_of
from ..shared.errors import InputError, TalkerError
from .following import BUSY
from .jobs import RunsSteps


class TALKER_OT_render_changed(RunsSteps, bpy.types.Operator):
    """Render every line whose take is out of date again, and bring it back. Frames that nothing has changed are kept"""

    bl_idname = "talker.render_changed"
    bl_label = "Render What Is Out of Date"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    also_new: BoolProperty(
        name="New Lines Too", description="Also lines that were never rendered", options={"SKIP_SAVE"}
    )

    def steps(self) -> list[Step]:
        changed = lines.to_render(self._scene(), self.also_new)
        if not changed:
            raise InputError("No take is out of date.", "Render new lines one by one.")
        return [steps.render_again(name) for name in changed]


class TALKER_OT_place_lines(bpy.types.Operator):
    """Bring the takes of lines that were moved to where their lines are now. Nothing is rendered"""

    bl_idname = "talker.place_lines"
    bl_label = "Take Pictures Along"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = compat.sequencer_scene(context)
        try:
            _tell(self, steps.place_moved(scene))
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class TALKER_OT_bring_version_back(bpy.types.Operator):
    """Make an earlier take the line's take again; the present one is kept as a version"""

    bl_idname = "talker.bring_version_back"
    bl_label = "Bring Version Back"

    strip: StringProperty(name="Line", options={"SKIP_SAVE"})
    number: IntProperty(name="Version", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if connection.is_busy():
            cls.poll_message_set(BUSY)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = compat.sequencer_scene(context)
        try:
            line = audio.line_of_strip(scene, self.strip)
            folder = takes.folder(line, steps.absolute(settings_of(scene).output, "Output"), scene)
            versions.bring_back(folder, self.number)
            _tell(self, steps.bring_take_back(scene, folder, line.frame_start, self.strip))
        except (TalkerError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def _tell(operator: bpy.types.Operator, notices: list[Notice]) -> None:
    for level, text in notices:
        operator.report({level}, text)


CLASSES = (TALKER_OT_render_changed, TALKER_OT_place_lines, TALKER_OT_bring_version_back)
