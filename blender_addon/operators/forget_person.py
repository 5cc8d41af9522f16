"""Operator that removes all that is there of the scene's person, as `talker forget` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import backend_place, compat, window
from ..client import process
from ..client.background import Task
from ..client.forgetting import forget
from ..jobs import connection, shown
from ..jobs.steps import absolute
from ..properties import settings_of
from ..shared import layout
from ..shared.errors import InputError, TalkerError

_TURN_S = 0.2


class _Removal:
    task: Task[list[str]] | None = None


def is_forgetting() -> bool:
    """Whether a person is being removed."""
    return _Removal.task is not None


class TALKER_OT_forget_person(bpy.types.Operator):
    """Remove all of this person for good: the subject, its models, the lines in the output folder, jobs and logs"""

    bl_idname = "talker.forget_person"
    bl_label = "Remove Person"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if connection.is_busy() or is_forgetting():
            cls.poll_message_set("Something is still being done: wait for it, or cancel it")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        try:
            subject, _ = _folders(context)
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        manager: Any = context.window_manager
        message = f"{self.__doc__}. {subject} cannot be brought back."
        outcome: set[Any] = manager.invoke_confirm(
            self, event, title=self.bl_label, message=message, confirm_text="Remove for Good", icon="WARNING"
        )
        return outcome

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """Stop the backend, which holds logs open, and remove: in a window beside the artist's work, else at once."""
        try:
            subject, takes = _folders(context)
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        place = backend_place.place(backend_place.addon_preferences(context))
        connection.close()
        shown.clear(context)

        def work() -> list[str]:
            process.stop(place)
            return forget(place, subject, [folder for folder in takes if folder.is_dir()])

        if not bpy.app.background:
            _Removal.task = Task(work)
            bpy.app.timers.register(_follow, first_interval=_TURN_S, persistent=True)
            return {"FINISHED"}
        try:
            told = work()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Removed. {'; '.join(told)}")
        return {"FINISHED"}


def _folders(context: bpy.types.Context) -> tuple[Path, list[Path]]:
    """(the scene's subject, folders with its takes). Raises InputError where there is no subject."""
    settings = settings_of(compat.sequencer_scene(context))
    subject = absolute(settings.subject, "Subject")
    if not (subject / layout.SUBJECT_FILE).is_file():
        raise InputError(f"{subject} is not a subject folder.", "Choose the person under Subject.")
    has_place = bpy.data.is_saved or not settings.output.startswith("//")
    return subject, [absolute(settings.output, "Output")] if has_place else []


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
    return None


CLASSES = (TALKER_OT_forget_person,)
