"""Writes what is known of the job into `WindowManager.talker_job`, where panel, status bar and scripts read it."""

from __future__ import annotations

import time

import bpy

from .. import window
from ..client.handles import JobHandle
from ..properties import TalkerJob, job_of
from ..shared.errors import TalkerError
from . import connection, words

_NO_JOB = {
    "job_id": "", "verb": "", "state": "", "phase": "", "preview": "", "message": "", "error_what": "", "error_do": "",
    "step": 0, "total": 0, "eta_s": -1.0,
}  # fmt: skip


PROGRESS_S = 0.5
"""Mere progress is shown this often, since each change paints a part of the window; all else at once."""
_PROGRESS = {"step", "eta_s"}


class _Shown:
    undone: tuple[str, str] | None = None
    """What was left undone. Here and not in the window manager, for another file brings a new one."""
    written_at = float("-inf")
    """When something was shown last, monotonic seconds."""


def show(context: bpy.types.Context, job: JobHandle | None) -> None:
    """Show the job and the backend as they stand."""
    values: dict[str, object] = {"backend": connection.backend_word()}
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
    _write(context, values)


def show_error(context: bpy.types.Context, error: TalkerError) -> None:
    """Show a trouble that is not the job's own (a backend that cannot be started, a wrong setting)."""
    values: dict[str, object] = {"backend": connection.backend_word()}
    if not connection.is_busy() and words.is_running(job_of(context)):  # it is not followed any more
        values["state"] = ""
    _write(context, {**values, "error_what": error.what, "error_do": error.do})


def clear(context: bpy.types.Context) -> None:
    """Forget the last job, and what was left undone."""
    had_note, _Shown.undone = _Shown.undone, None
    _write(context, {**_NO_JOB, "backend": connection.backend_word()}, also_redraw=had_note is not None)


def note_undone(context: bpy.types.Context, what: str, do: str) -> None:
    """Keep what an operator that Blender has ended leaves undone, and what to do about it, until the next job."""
    _Shown.undone = (what, do)
    window.redraw_sidebars(context)


def undone() -> tuple[str, str] | None:
    """What was left undone, and what to do about it."""
    return _Shown.undone


def _write(context: bpy.types.Context, values: dict[str, object], also_redraw: bool = False) -> None:
    """Write what differs; the sidebars are redrawn only if something does, and for mere progress twice a second."""
    job: TalkerJob = job_of(context)
    changed = {name: value for name, value in values.items() if not _is_same(getattr(job, name), value)}
    now = time.monotonic()
    if changed and changed.keys() <= _PROGRESS and now - _Shown.written_at < PROGRESS_S:
        return
    for name, value in changed.items():
        setattr(job, name, value)
    if changed or also_redraw:
        _Shown.written_at = now
        window.redraw_sidebars(context)


def _is_same(held: object, value: object) -> bool:
    """Whether a property holds a value already; it keeps numbers in single precision."""
    if isinstance(held, float) and isinstance(value, float):
        return abs(held - value) <= 1e-6 * max(1.0, abs(value))
    return held == value
