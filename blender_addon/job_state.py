"""Puts what is known of the job where the panel, the status bar and scripts can read it."""

from __future__ import annotations

import time

import bpy

from . import link
from .client.session import JobHandle
from .shared.errors import TalkerError

_AREAS = {"VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"}
WATCH_S = 0.5
TERMINAL_S = 5.0


def show(context: bpy.types.Context, job: JobHandle | None) -> None:
    """Write the job into `WindowManager.talker_job`, and redraw what shows it if it has changed."""
    state = context.window_manager.talker_job
    values = {"backend": link.backend_word()}
    if job is not None:
        info = job.info
        error = info.error or {}
        values |= {
            "job_id": info.id,
            "verb": info.verb,
            "state": str(info.state),
            "message": job.messages[-1] if job.messages else "",
            "error_what": error.get("what", ""),
            "error_do": error.get("do", ""),
        }
        progress = info.progress
        values |= {
            "phase": progress.phase if progress else "",
            "step": progress.step if progress else 0,
            "total": progress.total if progress else 0,
            "eta_s": progress.eta_s if progress and progress.eta_s is not None else -1.0,
        }
        if progress is None or progress.preview:
            values["preview"] = progress.preview if progress else ""
    changed = False
    for name, value in values.items():
        if getattr(state, name) != value:
            setattr(state, name, value)
            changed = True
    if changed:
        redraw(context)


def show_error(context: bpy.types.Context, error: TalkerError) -> None:
    """Write a trouble that is not the job's own (a backend that cannot be started, a wrong setting)."""
    state = context.window_manager.talker_job
    state.backend = link.backend_word()
    state.error_what, state.error_do = error.what, error.do
    redraw(context)


def clear(context: bpy.types.Context) -> None:
    """Forget the last job."""
    state = context.window_manager.talker_job
    for name in ("job_id", "verb", "state", "phase", "preview", "message", "error_what", "error_do"):
        setattr(state, name, "")
    state.step, state.total, state.eta_s = 0, 0, -1.0
    state.backend = link.backend_word()


def describe(context: bpy.types.Context) -> str:
    """The job in one line, for the status bar and the terminal."""
    state = context.window_manager.talker_job
    if not state.phase:
        waiting = {"STARTING": "starting the backend", "LOST": "looking for the backend"}
        return f"{state.verb}: {waiting.get(state.backend) or (state.state or 'waiting').lower()}"
    text = f"{state.verb}: {state.phase}"
    if state.total:
        text += f" {state.step}/{state.total}"
    if state.eta_s >= 0 and state.step < state.total:
        text += f", {duration(state.eta_s)} left"
    return text + (", cancelling" if state.state == "CANCELLING" else "")


class TerminalLines:
    """Prints the job's line in background mode: whenever the phase changes, and else every few seconds."""

    def __init__(self) -> None:
        self._phase = self._line = ""
        self._at = 0.0

    def show(self, context: bpy.types.Context) -> None:
        state = context.window_manager.talker_job
        line, now = describe(context), time.monotonic()
        if line != self._line and (state.phase != self._phase or now - self._at > TERMINAL_S):
            self._phase, self._line, self._at = state.phase, line, now
            print(line, flush=True)


def duration(seconds: float) -> str:
    """Seconds in the words of a progress bar: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def redraw(context: bpy.types.Context) -> None:
    """Redraw the areas that show the job."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _AREAS:
                area.tag_redraw()


def watch() -> None:
    """Go on showing the job without an operator: Blender ends modal operators when another file is opened."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_watch):
        bpy.app.timers.register(_watch, first_interval=WATCH_S, persistent=True)


def unwatch() -> None:
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)


def _watch() -> float | None:
    if not link.is_busy():
        show(bpy.context, link.handle())
        return None
    try:
        link.session().poll()
    except TalkerError as error:
        show_error(bpy.context, error)
        link.close()
        return None
    show(bpy.context, link.handle())
    return WATCH_S
