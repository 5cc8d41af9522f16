"""Writes what is known of the job into `WindowManager.talker_job`, where panel, status bar and scripts read it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import bpy

from .. import compat, window
from ..client.handles import JobHandle
from ..properties import TalkerJob, job_of, settings_of
from ..shared.errors import TalkerError
from ..shared.jobs import JobInfo, JobState, Progress
from . import connection, words
from .overall import Chain, Overall, left_s

_NO_JOB = {
    "job_id": "", "verb": "", "state": "", "phase": "", "preview": "", "message": "", "error_what": "", "error_do": "",
    "step": 0, "total": 0, "eta_s": -1.0, "overall": 0.0, "overall_eta_s": -1.0, "chain_step": 0, "chain_steps": 0,
}  # fmt: skip


PROGRESS_S = 0.5
"""Mere progress is shown this often, since each change paints a part of the window; all else at once."""
_PROGRESS = {"step", "eta_s", "overall", "overall_eta_s"}


class _Shown:
    undone: tuple[str, str] | None = None
    """What was left undone. Here and not in the window manager, for another file brings a new one."""
    situation: tuple = ()
    """What the error that is shown was about: the file, the scene and its settings."""
    dismissed = ""
    """The job whose error has been read: `show` does not bring it back."""
    overall = Overall()
    chain: Chain | None = None
    """The jobs in a row that an operator does; None for a single one."""
    written_at = float("-inf")
    """When something was shown last, monotonic seconds."""
    progress: Progress | None = None
    """What the backend told last of a job's progress."""
    told: Mapping[str, float] = {}
    """What is shown of all jobs in a row since then."""


def show(context: bpy.types.Context, job: JobHandle | None) -> None:
    """Show the job and the backend as they stand."""
    values: dict[str, object] = {"backend": connection.backend_word()}
    if job is not None:
        info = job.info
        is_told = info.state is JobState.CANCELLED or info.id == _Shown.dismissed
        error = {} if is_told else info.error or {}
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
        if progress is not None and progress.preview:  # the last picture stays to be seen
            values["preview"] = progress.preview
        if progress is not None:
            if progress is not _Shown.progress:  # else the clock alone would move the time left
                _Shown.progress, _Shown.told = progress, _overall(info, progress)
            values |= _Shown.told
    _write(context, values)


def _overall(info: JobInfo, progress: Progress) -> dict[str, float]:
    """How much of all jobs in a row is done, and the time left for them, as of what was told just now."""
    done = _Shown.overall.update(info.id, info.verb, progress.phase, progress.step, progress.total)
    started_at = info.started_at
    if _Shown.chain is not None:
        done, started_at = _Shown.chain.done(done), _Shown.chain.started_at
    left = left_s(done, started_at)
    return {"overall": round(done, 3), "overall_eta_s": left if left < 0 else float(round(left))}


def show_error(context: bpy.types.Context, error: TalkerError) -> None:
    """Show a trouble that is not the job's own (a backend that cannot be started, a wrong setting)."""
    values: dict[str, object] = {"backend": connection.backend_word()}
    if not connection.is_busy() and words.is_running(job_of(context)):  # it is not followed any more
        values["state"] = ""
    _write(context, {**values, "error_what": error.what, "error_do": error.do})
    _Shown.situation = _situation(context)


def clear(context: bpy.types.Context) -> None:
    """Forget the last job, and what was left undone."""
    had_note, _Shown.undone = _Shown.undone, None
    _Shown.chain = _Shown.progress = None
    _write(context, {**_NO_JOB, "backend": connection.backend_word()}, also_redraw=had_note is not None)


def error(context: bpy.types.Context) -> tuple[str, str] | None:
    """(what went wrong, what to do) of the last job; None where nothing did, or what it was about has changed since:
    other settings, another scene, another file."""
    job = job_of(context)
    if not job.error_what or _Shown.situation != _situation(context):
        return None
    return job.error_what, job.error_do


def forget_error(context: bpy.types.Context) -> None:
    """What stood in the way is out of it."""
    _write(context, {"error_what": "", "error_do": ""})


def dismiss(context: bpy.types.Context) -> None:
    """The messages that are shown have been read: what went wrong, and what was left undone. The job stays as it is."""
    had_note, _Shown.undone = _Shown.undone, None
    _Shown.dismissed = job_of(context).job_id if connection.handle() is not None else ""
    _write(context, {"error_what": "", "error_do": ""}, also_redraw=had_note is not None)


def set_chain(context: bpy.types.Context, step: int, weights: Sequence[float]) -> None:
    """Say which of several jobs in a row is being done, from 1; weights: how long each takes beside the others."""
    if step == 1 or _Shown.chain is None:
        _Shown.chain = Chain(weights) if len(weights) > 1 else None
    if _Shown.chain is not None:
        _Shown.chain.step = step
    _write(context, {"chain_step": step, "chain_steps": len(weights)})


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
    if values.get("error_what") and changed.keys() & {"job_id", "state", "error_what"}:
        _Shown.situation = _situation(context)
    if changed or also_redraw:
        _Shown.written_at = now
        window.redraw_sidebars(context)


def _situation(context: bpy.types.Context) -> tuple:
    scene = compat.sequencer_scene(context)
    settings = settings_of(scene)
    names = [name for name in settings.bl_rna.properties.keys() if name not in ("rna_type", "name")]
    return bpy.data.filepath, scene.name, *(str(getattr(settings, name)) for name in names)


def _is_same(held: object, value: object) -> bool:
    """Whether a property holds a value already; it keeps numbers in single precision."""
    if isinstance(held, float) and isinstance(value, float):
        return abs(held - value) <= 1e-6 * max(1.0, abs(value))
    return held == value
