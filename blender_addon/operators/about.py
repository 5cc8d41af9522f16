"""Operators that tell of the backend: look it over, open its log, copy what is asked for in a call for help."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import bpy

from .. import backend_place
from ..jobs import about
from ..jobs.steps import LOOK_OVER, Step
from .jobs import RunsSteps


class TALKER_OT_look_over(RunsSteps, bpy.types.Operator):
    """Look over what this machine has for the backend: packages, model files, graphics card, disk"""

    bl_idname = "talker.look_over"
    bl_label = "Check Backend"

    def steps(self) -> list[Step]:
        return [LOOK_OVER]


class TALKER_OT_open_log(bpy.types.Operator):
    """Open the log of the last job, else the backend's own, in the system's viewer"""

    bl_idname = "talker.open_log"
    bl_label = "Open Log"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        place = backend_place.place(backend_place.addon_preferences(context))
        log = newest_log(place.log_file.parent, backend_place.plan().log_file)
        if log is None:
            self.report({"WARNING"}, "There is no log yet: nothing has been started.")
            return {"CANCELLED"}
        outcome: Any = bpy.ops.wm.path_open(filepath=str(log))
        return outcome


def newest_log(logs: Path, installation: Path) -> Path | None:
    """The log that was written last: a job's, the backend's, or the installation's."""
    written = [(path.stat().st_mtime, path) for path in (*logs.glob("*.log"), installation) if path.is_file()]
    return max(written)[1] if written else None


class TALKER_OT_copy_debug_info(bpy.types.Operator):
    """Copy versions, device, settings and the last error, to be pasted where you ask for help. No names, no media"""

    bl_idname = "talker.copy_debug_info"
    bl_label = "Copy Debug Info"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        manager: Any = context.window_manager
        manager.clipboard = about.debug_info(context)
        self.report({"INFO"}, "Copied: paste it where you ask for help.")
        return {"FINISHED"}


class TALKER_OT_open_manual(bpy.types.Operator):
    """Open the manual that came with this add-on"""

    bl_idname = "talker.open_manual"
    bl_label = "Manual"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if not backend_place.MANUAL.is_file():
            self.report({"WARNING"}, "This copy of the add-on came without its manual.")
            return {"CANCELLED"}
        webbrowser.open(backend_place.MANUAL.as_uri())
        return {"FINISHED"}


CLASSES = (
    TALKER_OT_look_over,
    TALKER_OT_open_log,
    TALKER_OT_copy_debug_info,
    TALKER_OT_open_manual,
)
