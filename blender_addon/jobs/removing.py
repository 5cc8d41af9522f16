"""What is being removed for good, the backend or a person: one thing at a time, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from .. import window
from ..client.background import Task
from ..shared.errors import TalkerError
from . import shown

WAIT = "Something is being removed: wait until that is done"
_TURN_S = 0.2


class _State:
    task: Task[str] | None = None
    what = ""


def running() -> str:
    """What is being removed, by the name that `begin` was given; "" where nothing is."""
    return _State.what


def begin(what: str, work: Callable[[], str]) -> None:
    """Remove something beside the artist's work; what goes wrong is shown in the panel.

    work: runs in a thread, so without bpy. Raises RuntimeError while something else is being removed.
    """
    if _State.what:
        raise RuntimeError(f"{_State.what} is being removed")
    _State.what, _State.task = what, Task(work)
    bpy.app.timers.register(turn, first_interval=_TURN_S, persistent=True)


def turn() -> float | None:
    """One turn of the timer: seconds until the next, None once the removal has ended."""
    task = _State.task
    if task is not None and not task.ended:
        return _TURN_S
    _State.what, _State.task = "", None
    try:
        if task is not None:
            task.result()
    except TalkerError as error:
        shown.show_error(bpy.context, error)
    window.redraw_sidebars(bpy.context)
    window.redraw_preferences(bpy.context)
    return None
