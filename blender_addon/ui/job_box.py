"""The running job in the panel: phase, step, time left, a picture, the way to end it; and how the last one ended."""

import bpy

from ..jobs import shown, words
from ..properties import TalkerJob
from . import pictures, wrapped_text

_BACKEND_WORDS = {
    "": "Backend: not started",
    "STARTING": "Backend: starting",
    "READY": "Backend: ready",
    "STOPPING": "Backend: stopping",
}


def draw(layout: bpy.types.UILayout, job: TalkerJob) -> None:
    """The backend's state, the job, and what went wrong last."""
    row = layout.row(align=True)
    row.label(
        text=_BACKEND_WORDS.get(job.backend, "Backend: lost, looking for it"),
        icon="LINKED" if job.backend else "UNLINKED",
    )
    if job.backend == "READY":
        row.operator("talker.stop_backend", text="", icon="QUIT")
    elif job.backend != "STOPPING":
        row.operator("talker.start_backend", text="", icon="PLAY")
    if words.is_running(job):
        column = layout.box().column()
        column.label(text=words.heading(job).rstrip(":").capitalize(), icon="TIME")
        draw_bar(column, job)
        if job.message:
            wrapped_text.draw(column, job.message, "INFO")
        pictures.draw(column, job.preview)
    elif job.state == "CANCELLED":
        wrapped_text.draw(layout, f"Cancelled: {job.verb}. Start it again to go on.", "INFO")
    if job.error_what:
        _draw_trouble(layout, job.error_what, job.error_do)
    undone = shown.undone()
    if undone is not None:
        _draw_trouble(layout, *undone)


def _draw_trouble(layout: bpy.types.UILayout, what: str, do: str) -> None:
    box = layout.box()
    wrapped_text.draw(box, what, "ERROR")
    if do:
        wrapped_text.draw(box, do, "BLANK1")


def draw_bar(layout: bpy.types.UILayout, job: TalkerJob) -> None:
    """A bar with step and time left, and a cross that cancels the job."""
    row = layout.row(align=True)
    factor = min(1.0, job.step / job.total) if job.total else 0.0
    row.progress(factor=factor, type="BAR", text=words.progress(job) or job.phase)
    row.operator("talker.cancel_job", text="", icon="CANCEL")
