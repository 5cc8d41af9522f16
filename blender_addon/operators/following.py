"""What operators that do jobs share: in a window they follow a job beside the artist's work, else they block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import bpy

from .. import window
from ..blender_types import window_manager
from ..client.session import Session
from ..jobs import connection, removing, shown, watch, words
from ..properties import job_of
from ..shared.errors import Cancelled, TalkerError

if TYPE_CHECKING:
    Operator = bpy.types.Operator
else:
    Operator = object  # Blender wants its own base class last, so that each operator names it itself

TIMER_S = 0.1
BUSY = "A job is running: wait for it, or cancel it"
_Function = TypeVar("_Function", bound=Callable[..., Any])


def left_open(function: _Function) -> _Function:
    """Marks a function that every operator defines itself."""
    function.left_open = True  # type: ignore[attr-defined]
    return function


class FollowsJob(Operator):
    """Mixin: an event timer that follows the connection's job until `advance` says that nothing is left to do.

    An operator with it defines what `_to_define` names; one that does not is refused when its class is made.
    """

    _to_define: tuple[str, ...] = ("begin", "advance", "block")
    _timer: bpy.types.Timer | None = None
    _session: Session

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if issubclass(cls, bpy.types.Operator):
            missing = [name for name in cls._to_define if hasattr(getattr(cls, name), "left_open")]
            if missing:
                raise TypeError(f"The operator {cls.__name__} does not define {' and '.join(missing)}.")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if connection.is_busy():
            cls.poll_message_set(BUSY)
            return False
        if removing.running():
            cls.poll_message_set(removing.WAIT)
            return False
        return True

    @left_open
    def begin(self, context: bpy.types.Context) -> None:
        """Start the first piece of work. Never waits. Raises TalkerError."""

    @left_open
    def advance(self, context: bpy.types.Context) -> bool:
        """Look at the work, start the next piece; True when all is done. Never waits. Raises TalkerError."""
        return True

    @left_open
    def block(self, context: bpy.types.Context) -> None:
        """All of the work at once, for background mode. Raises TalkerError."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        shown.clear(context)
        try:
            if bpy.app.background or context.window is None:
                self.block(context)
                return {"FINISHED"}
            self.begin(context)
        except TalkerError as error:
            return self._fail(context, error)
        self._session = connection.session()
        self._timer = window_manager(context).event_timer_add(TIMER_S, window=context.window)
        window_manager(context).modal_handler_add(self)
        watch.set_followed(True)
        shown.show(context, connection.handle())
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if event.type == "ESC" and event.value == "PRESS" and connection.is_busy() and window.escape_is_free(context):
            connection.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            done = self.turn(context)
        except TalkerError as error:
            self._remove_timer(context)
            return self._fail(context, error)
        if done:
            self._remove_timer(context)
            return {"FINISHED"}
        window.set_status(f"Talker   {words.one_line(job_of(context))}   (ESC: cancel)")
        return {"PASS_THROUGH"}

    def turn(self, context: bpy.types.Context) -> bool:
        """One turn of the timer: take in the news, show them, advance; True when all is done. Raises TalkerError."""
        connection.poll()
        if connection.has_stopped() or connection.session() is not self._session:
            raise Cancelled("The backend was stopped.", "Start it again: an unfinished job goes on by itself.")
        shown.show(context, connection.handle())
        return self.advance(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator (another file is opened, the window is closed): the job goes on, watched."""
        self._remove_timer(context)

    def _remove_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            window_manager(context).event_timer_remove(self._timer)
            self._timer = None
        watch.set_followed(False)
        window.set_status(None)
        window.redraw_sidebars(context)

    def _fail(self, context: bpy.types.Context, error: TalkerError) -> set[Any]:
        if connection.is_busy():
            connection.drop()
        if isinstance(error, Cancelled):
            shown.show(context, connection.handle())
            self.report({"WARNING"}, str(error))
        else:
            shown.show_error(context, error)
            self.report({"ERROR"}, str(error))
        return {"CANCELLED"}
