"""Operators that remove for good: the backend, or all that is there of the scene's person (as `talker forget` does)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import backend_place, compat
from ..client import process
from ..client.forgetting import forget
from ..jobs import connection, removing, shown
from ..jobs.steps import absolute
from ..properties import settings_of
from ..shared import layout
from ..shared.errors import InputError, TalkerError
from ..shared.setup import environment
from . import install_backend

if TYPE_CHECKING:
    Operator = bpy.types.Operator
else:
    Operator = object  # Blender wants its own base class last, so that each operator names it itself

BACKEND, PERSON = "backend", "person"
"""What is removed, for jobs.removing."""
_GB = 1e9


class _Removes(Operator):
    """Mixin: pressed while nothing else is done, it stops the backend, which holds files open, and removes."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if connection.is_busy() or install_backend.running() is not None or removing.running():
            cls.poll_message_set("Something is still being done: wait for it, or cancel it")
            return False
        return True

    def remove(self, context: bpy.types.Context, what: str, work: Callable[[], str]) -> set[Any]:
        """In a window beside the artist's work, else at once. work: returns what to tell; without bpy."""
        place = backend_place.place(backend_place.addon_preferences(context))
        connection.close()
        shown.clear(context)

        def stop_and_work() -> str:
            process.stop(place)
            return work()

        if not bpy.app.background:
            removing.begin(what, stop_and_work)
            return {"FINISHED"}
        try:
            told = stop_and_work()
        except TalkerError as error:
            return self.refuse(error)
        self.report({"INFO"}, told)
        return {"FINISHED"}

    def refuse(self, error: TalkerError) -> set[Any]:
        """Say why nothing is removed."""
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


class TALKER_OT_remove_backend(_Removes, bpy.types.Operator):
    """Remove the installed backend from this machine. Subjects, models and rendered lines stay"""

    bl_idname = "talker.remove_backend"
    bl_label = "Remove Backend"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        manager: Any = context.window_manager
        outcome: set[Any] = manager.invoke_confirm(
            self, event, title=self.bl_label, message=self.__doc__ or "", confirm_text="Remove"
        )
        return outcome

    def execute(self, context: bpy.types.Context) -> set[Any]:
        plan = backend_place.plan()
        return self.remove(
            context,
            BACKEND,
            lambda: f"The backend is removed: {environment.remove(plan) / _GB:.1f} GB are free again.",
        )


class TALKER_OT_forget_person(_Removes, bpy.types.Operator):
    """Remove all of this person for good: the subject, its models, the lines in the output folder, jobs and logs"""

    bl_idname = "talker.forget_person"
    bl_label = "Remove Person"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        try:
            subject, _ = _folders(context)
        except TalkerError as error:
            return self.refuse(error)
        manager: Any = context.window_manager
        message = f"{self.__doc__}. {subject} cannot be brought back."
        outcome: set[Any] = manager.invoke_confirm(
            self, event, title=self.bl_label, message=message, confirm_text="Remove for Good", icon="WARNING"
        )
        return outcome

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            subject, takes = _folders(context)
        except TalkerError as error:
            return self.refuse(error)
        place = backend_place.place(backend_place.addon_preferences(context))

        def work() -> str:
            return f"Removed. {'; '.join(forget(place, subject, [folder for folder in takes if folder.is_dir()]))}"

        return self.remove(context, PERSON, work)


def _folders(context: bpy.types.Context) -> tuple[Path, list[Path]]:
    """(the scene's subject, folders with its takes). Raises InputError where there is no subject."""
    settings = settings_of(compat.sequencer_scene(context))
    subject = absolute(settings.subject, "Subject")
    if not (subject / layout.SUBJECT_FILE).is_file():
        raise InputError(f"{subject} is not a subject folder.", "Choose the person under Subject.")
    has_place = bpy.data.is_saved or not settings.output.startswith("//")
    return subject, [absolute(settings.output, "Output")] if has_place else []


CLASSES = (TALKER_OT_remove_backend, TALKER_OT_forget_person)
