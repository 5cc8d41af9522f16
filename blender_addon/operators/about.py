"""Operators for the backend itself: look it over, remove it, open its log, say what helpers ask for."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import bpy

from .. import backend_place, window
from ..client import process
from ..client.background import Task
from ..jobs import about, connection, shown
from ..jobs.steps import LOOK_OVER, Step
from ..shared.errors import TalkerError
from ..shared.setup import environment
from . import install_backend
from .jobs import RunsSteps

_TURN_S = 0.2
_GB = 1e9


class TALKER_OT_look_over(RunsSteps, bpy.types.Operator):
    """Look over what this machine has for the backend: packages, model files, graphics card, disk"""

    bl_idname = "talker.look_over"
    bl_label = "Check Backend"

    def steps(self) -> list[Step]:
        return [LOOK_OVER]


class _Removal:
    task: Task[int] | None = None


def is_removing() -> bool:
    """Whether the backend's environment is being removed."""
    return _Removal.task is not None


class TALKER_OT_remove_backend(bpy.types.Operator):
    """Remove the installed backend from this machine. Subjects, models and rendered lines stay"""

    bl_idname = "talker.remove_backend"
    bl_label = "Remove Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if connection.is_busy() or install_backend.running() is not None or is_removing():
            cls.poll_message_set("Something is still being done: wait for it, or cancel it")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        manager: Any = context.window_manager
        outcome: set[Any] = manager.invoke_confirm(
            self, event, title=self.bl_label, message=self.__doc__ or "", confirm_text="Remove"
        )
        return outcome

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """Stop the backend and remove its environment: in a window beside the artist's work, else at once."""
        place = backend_place.place(backend_place.addon_preferences(context))
        plan = backend_place.plan()
        connection.close()
        shown.clear(context)

        def work() -> int:
            process.stop(place)
            return environment.remove(plan)

        if not bpy.app.background:
            _Removal.task = Task(work)
            bpy.app.timers.register(_follow, first_interval=_TURN_S, persistent=True)
            return {"FINISHED"}
        try:
            freed = work()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"The backend is removed: {freed / _GB:.1f} GB are free again.")
        return {"FINISHED"}


def _follow() -> float | None:
    """Take in the end of a removal."""
    task = _Removal.task
    if task is not None and not task.ended:
        return _TURN_S
    _Removal.task = None
    try:
        if task is not None:
            task.result()
    except TalkerError as error:
        shown.show_error(bpy.context, error)
    window.redraw_sidebars(bpy.context)
    window.redraw_preferences(bpy.context)
    return None


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
    TALKER_OT_remove_backend,
    TALKER_OT_open_log,
    TALKER_OT_copy_debug_info,
    TALKER_OT_open_manual,
)
