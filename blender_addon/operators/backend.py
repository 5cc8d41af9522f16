"""Operators that start and stop the backend."""

from __future__ import annotations

from typing import Any

import bpy

from ..jobs import connection, shown
from ..shared.errors import TalkerError
from .following import FollowsJob


class StartsBackend(FollowsJob):
    """Mixin: connects, and follows the job that the backend is doing."""

    def begin(self, context: bpy.types.Context) -> None:
        if not connection.is_busy():
            connection.drop()
        connection.begin()

    def advance(self, context: bpy.types.Context) -> bool:
        job = connection.handle()
        if job is not None:
            if job.ended:
                job.result()
            return job.ended
        return connection.session().connected and not connection.is_listing()

    def block(self, context: bpy.types.Context) -> None:
        connection.connect()
        shown.show(context, connection.handle())


class TALKER_OT_start_backend(StartsBackend, bpy.types.Operator):
    """Start the backend, or find the running one, and follow the job that it is doing"""

    bl_idname = "talker.start_backend"
    bl_label = "Start Backend"


class TALKER_OT_stop_backend(bpy.types.Operator):
    """Stop the backend and free its memory. Unfinished jobs go on when it is started again"""

    bl_idname = "talker.stop_backend"
    bl_label = "Stop Backend"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """In a window it only begins: the watch sees to the end, and the panel shows it."""
        if not bpy.app.background:
            connection.drop()
            connection.stop()
            shown.clear(context)
            return {"FINISHED"}
        try:
            ran = connection.stop_and_wait()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        shown.clear(context)
        self.report({"INFO"}, "The backend has stopped." if ran else "No backend was running.")
        return {"FINISHED"}


CLASSES = (TALKER_OT_start_backend, TALKER_OT_stop_backend)
