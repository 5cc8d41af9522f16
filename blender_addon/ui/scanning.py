"""Facts on the disk that a panel shows, read in threads: drawing takes what is known and never touches a file.

What is asked for is read again once a second at most, and when the job that is shown has changed, since a job that has
just ended has left something. When a reading brings something new, the sidebars and the preferences are drawn again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import bpy

from .. import window
from ..client.background import Task
from ..properties import job_of

READ_AGAIN_S = 1.0
_POLL_S = 0.05
T = TypeVar("T")
Key = tuple[str, ...]


@dataclass
class _Entry:
    """One thing that is read: what is known of it, and the reading on its way."""

    known: Any = None
    begun_at: float = float("-inf")
    job: tuple[str, str] = ("", "")
    """Id and state of the job when the reading was begun."""
    task: Task | None = None


_entries: dict[Key, _Entry] = {}


def known(key: Key, read: Callable[[], T], again_s: float | None = None) -> T | None:
    """What `read` brought last; None before that, and where it raised. `read` runs in a thread: no bpy in it.

    again_s: seconds after which it is read again, for what takes long (None: READ_AGAIN_S).
    """
    entry = _entries.setdefault(key, _Entry())
    _take(entry)
    shown = job_of(bpy.context)
    now, job = time.monotonic(), (shown.job_id, shown.state)
    if entry.task is None and (now - entry.begun_at >= (again_s or READ_AGAIN_S) or job != entry.job):
        entry.begun_at, entry.job = now, job
        entry.task = Task(read)
        _follow()
    return entry.known


def is_reading() -> bool:
    """Whether a reading is on its way."""
    return any(entry.task is not None and not entry.task.ended for entry in _entries.values())


def forget() -> None:
    """Know nothing any more."""
    _entries.clear()
    if bpy.app.timers.is_registered(turn):
        bpy.app.timers.unregister(turn)


def _take(entry: _Entry) -> bool:
    """Take a reading that has ended; whether it brought something new."""
    if entry.task is None or not entry.task.ended:
        return False
    task, entry.task = entry.task, None
    before = entry.known
    try:
        entry.known = task.result()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, not finished, or no such folder
        entry.known = None
    return entry.known != before


def _follow() -> None:
    """Have the readings taken when they have ended, though nothing is drawn meanwhile."""
    if not bpy.app.background and not bpy.app.timers.is_registered(turn):
        bpy.app.timers.register(turn, first_interval=_POLL_S)


def turn() -> float | None:
    """One turn of the timer that runs while something is read."""
    news = [_take(entry) for entry in _entries.values()]  # of every entry, so no generator
    if any(news):
        window.redraw_sidebars(bpy.context)
        window.redraw_preferences(bpy.context)
    return _POLL_S if any(entry.task is not None for entry in _entries.values()) else None
