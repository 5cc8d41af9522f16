"""Lines that render by themselves, where the scene's option says so: once nothing has changed for a while."""

from __future__ import annotations

import time
from typing import Any

import bpy

from .. import compat
from ..blender_types import window_manager
from ..jobs import connection, lines
from ..jobs.lines import State
from ..properties import settings_of
from . import line_list, reasons

INTERVAL_S = 1.0
QUIET_S = 3.0
"""A line is rendered once it has been as it is for so long: an artist who drags a strip is not done yet."""


class _State:
    waiting: dict[str, dict] = {}
    """What the lines that are out of date would be rendered from."""
    since = 0.0
    tried: dict[str, dict] = {}
    """What was rendered last by itself: what fails is not tried again until something changes."""


def start() -> None:
    """Begin to look, in a Blender with windows."""
    if not bpy.app.background and not bpy.app.timers.is_registered(turn):
        forget()
        bpy.app.timers.register(turn, first_interval=INTERVAL_S, persistent=True)


def stop() -> None:
    """Look no more."""
    if bpy.app.timers.is_registered(turn):
        bpy.app.timers.unregister(turn)


def forget() -> None:
    """Know of no line."""
    _State.waiting, _State.tried = {}, {}


def turn() -> float:
    """One turn of the timer; seconds until the next. Never waits."""
    windows = window_manager(bpy.context).windows
    if windows:
        with bpy.context.temp_override(window=windows[0]):
            if is_time(bpy.context, time.monotonic()):
                operators: Any = bpy.ops
                operators.talker.render_changed("INVOKE_DEFAULT")
    return INTERVAL_S


def is_time(context: bpy.types.Context, now: float) -> bool:
    """Whether lines are to be rendered now (seconds of any clock that runs on)."""
    scene = compat.sequencer_scene(context)
    if not settings_of(scene).render_by_itself or connection.is_busy() or reasons.backend(context):
        _State.waiting = {}
        return False
    found = {name: lines.asked(scene, name) for name, state in line_list.states(scene).items()
             if state is State.OUT_OF_DATE}  # fmt: skip
    if found != _State.waiting:
        _State.waiting, _State.since = found, now
        return False
    if not found or found == _State.tried or now - _State.since < QUIET_S:
        return False
    _State.tried = found
    return True
