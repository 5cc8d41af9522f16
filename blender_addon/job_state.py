"""Puts what is known of the job where the panel, the status bar and scripts can read it."""

from __future__ import annotations

import time

import bpy

from . import link, screen
from .client.session import JobHandle
from .shared.errors import TalkerError

WATCH_S = 0.5
TERMINAL_S = 5.0
RUNNING_STATES = ("PENDING", "RUNNING", "CANCELLING")
_WAITING = {"STARTING": "starting the backend", "LOST": "looking for the backend"}
_BEFORE_FIRST_PHASE = {"PENDING": "waiting for its turn", "RUNNING": "getting ready", "CANCELLING": "cancelling"}


class _Watch:
    followed = False
    """Whether an operator looks after the job at present."""
    looked = False
    """Whether a backend that ran before this Blender has been looked for."""
    left: tuple[str, str] | None = None
    """What an operator had to leave undone, and what to do about it. Here, for another file's window manager is new."""


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
        screen.redraw(context)


def show_error(context: bpy.types.Context, error: TalkerError) -> None:
    """Write a trouble that is not the job's own (a backend that cannot be started, a wrong setting)."""
    state = context.window_manager.talker_job
    state.backend = link.backend_word()
    state.error_what, state.error_do = error.what, error.do
    screen.redraw(context)


def leave(what: str, do: str) -> None:
    """Keep what an operator that Blender has ended leaves undone, until the next job."""
    _Watch.left = (what, do)


def left() -> tuple[str, str] | None:
    """What is left undone, and what to do about it."""
    return _Watch.left


def clear(context: bpy.types.Context) -> None:
    """Forget the last job."""
    _Watch.left = None
    state = context.window_manager.talker_job
    for name in ("job_id", "verb", "state", "phase", "preview", "message", "error_what", "error_do"):
        setattr(state, name, "")
    state.step, state.total, state.eta_s = 0, 0, -1.0
    state.backend = link.backend_word()


def is_running(state) -> bool:
    """Whether the job that `WindowManager.talker_job` shows has not ended."""
    return state.state in RUNNING_STATES


def describe(context: bpy.types.Context) -> str:
    """The job in one line, for the status bar and the terminal."""
    state = context.window_manager.talker_job
    return f"{heading(state)} {progress_words(state)}".rstrip()


def heading(state) -> str:
    """The job's verb and, where that is another word, its phase."""
    if not state.phase:
        return f"{state.verb}:"
    return state.verb if state.phase == state.verb else f"{state.verb}: {state.phase}"


def progress_words(state) -> str:
    """How far the job's phase is, with the time left as far as known; before its first phase, what is waited for."""
    if not state.phase:
        return _WAITING.get(state.backend) or _BEFORE_FIRST_PHASE.get(state.state, "waiting")
    text = f"{state.step}/{state.total}" if state.total else ""
    if state.eta_s >= 0 and state.step < state.total:
        text += f", {duration(state.eta_s)} left"
    if state.state == "CANCELLING":
        text += ", cancelling" if text else "cancelling"
    return text


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


def set_followed(followed: bool) -> None:
    """An operator takes the job over from the watch, or gives it back."""
    _Watch.followed = followed


def watch() -> None:
    """Keep what is shown true while no operator follows a job: between jobs; when Blender has ended the operator,
    because another file was opened or its window closed; and when this Blender finds a job of an earlier one."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_watch):
        _Watch.followed = _Watch.looked = False
        bpy.app.timers.register(_watch, first_interval=WATCH_S, persistent=True)


def unwatch() -> None:
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)


def _watch() -> float:
    if _Watch.followed:
        return WATCH_S
    try:
        if not _Watch.looked:
            _Watch.looked = True
            link.find()
        link.poll()
    except TalkerError as error:
        show_error(bpy.context, error)
        link.close()
    else:
        show(bpy.context, link.handle())
    return WATCH_S
