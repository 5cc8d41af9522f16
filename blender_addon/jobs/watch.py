"""The timer that keeps what is shown true while no operator follows a job.

That is: between jobs; when Blender has ended the operator, because another file was opened or its window closed; while
the backend is being stopped; and when this Blender finds a job of an earlier one.
"""

from __future__ import annotations

import bpy

from ..shared.errors import TalkerError
from . import connection, shown

INTERVAL_S = 0.5
MOVING_INTERVAL_S = 0.1
"""While the backend is looked for, started or stopped."""


class _Watch:
    followed = False
    """Whether an operator looks after the job at present."""
    has_joined = False
    """Whether a backend that ran before this Blender has been looked for."""


def start() -> None:
    """Begin to watch, in a Blender with windows."""
    if not bpy.app.background and not bpy.app.timers.is_registered(turn):
        _Watch.followed = _Watch.has_joined = False
        bpy.app.timers.register(turn, first_interval=INTERVAL_S, persistent=True)


def stop() -> None:
    """Watch no more."""
    if bpy.app.timers.is_registered(turn):
        bpy.app.timers.unregister(turn)


def set_followed(followed: bool) -> None:
    """An operator takes the job over from the watch, or gives it back."""
    _Watch.followed = followed


def turn() -> float:
    """One turn of the timer; seconds until the next. Never waits."""
    if _Watch.followed:
        return INTERVAL_S
    try:
        if not _Watch.has_joined:
            _Watch.has_joined = True
            connection.join()
        connection.poll()
    except TalkerError as error:
        connection.close()
        shown.show_error(bpy.context, error)
    else:
        shown.show(bpy.context, connection.handle())
    return MOVING_INTERVAL_S if connection.is_moving() else INTERVAL_S
