"""The running job in the panel: how far all of it is, and in its step phase, picture, notices; how the last one ended.

Above the steps nothing comes or goes, so that no button moves away from under the pointer: what a job has to say stands
in its step, below the place of its button.
"""

from __future__ import annotations

import bpy

from ..blender_types import Icon
from ..jobs import shown, words
from ..properties import TalkerJob, job_of
from . import pictures, reasons, wrapped_text

_BACKEND_WORDS = {
    "": "Backend: not started",
    "STARTING": "Backend: starting",
    "READY": "Backend: ready",
    "STOPPING": "Backend: stopping",
}
_BUTTON_SCALE = 1.4
VERBS = ("preprocess", "train", "evaluate", "render")
"""Those that have a step of their own."""


def draw(layout: bpy.types.UILayout, job: TalkerJob, reason: str) -> None:
    """The backend's state; Do It All (or why it cannot be done), and in its place the bar of all that is being done."""
    row = layout.row(align=True)
    row.label(
        text=_BACKEND_WORDS.get(job.backend, "Backend: lost, reconnecting"),
        icon="LINKED" if job.backend else "UNLINKED",
    )
    if job.backend == "READY":
        row.operator("talker.stop_backend", text="", icon="QUIT")
    elif job.backend != "STOPPING":
        start = row.row(align=True)
        start.enabled = not reasons.backend(bpy.context)
        start.operator("talker.start_backend", text="", icon="PLAY")
    row = layout.row(align=True)
    if words.is_running(job):
        row.progress(factor=job.overall, type="BAR", text=words.overall(job))
        row.operator("talker.cancel_job", text="", icon="CANCEL")
    else:
        row.enabled = not reason
        row.operator("talker.run_all", icon="SEQUENCE")
    if job.verb not in VERBS:
        draw_end(layout, job)


def draw_step(
    layout: bpy.types.UILayout,
    operator: str,
    icon: Icon,
    reason: str,
    verb: str = "",
    text: str | None = None,
) -> bpy.types.OperatorProperties | None:
    """A step's button, by its own name or as `text`, and below it why it cannot be pressed (`reason`); in its place the
    bar of the phase while the job does the step's verb. Then how the verb's last job ended.

    Returns the button's properties, None where there is a bar.
    """
    job = job_of(bpy.context)
    row = layout.row(align=True)
    row.scale_y = _BUTTON_SCALE
    if verb and job.verb == verb and words.is_running(job):
        factor = min(1.0, job.step / job.total) if job.total else 0.0
        row.progress(factor=factor, type="BAR", text=words.in_step(job))
        row.operator("talker.cancel_job", text="", icon="CANCEL")
        _draw_work(layout, job)
        return None
    busy = words.is_running(job)
    row.enabled = not (busy or reason)
    button = row.operator(operator, text=text, icon=icon)
    if reason:
        wrapped_text.draw(layout, reason, "INFO")
    if verb and job.verb == verb:
        draw_end(layout, job)
    return button


def _draw_work(layout: bpy.types.UILayout, job: TalkerJob) -> None:
    """What a running job has to show: the picture keeps its place while there is none yet."""
    pictures.draw_or_room(layout, job.preview, "How it looks so far")
    if job.message:
        wrapped_text.draw(layout, words.for_panel(job.message), "INFO")


def draw_end(layout: bpy.types.UILayout, job: TalkerJob) -> None:
    """How the last job ended, where that is worth a word."""
    trouble = shown.error(bpy.context)
    if trouble is not None:
        _draw_trouble(layout, *trouble)
    elif job.state == "CANCELLED":
        wrapped_text.draw(layout, f"{words.called(job.verb)} was cancelled. Start it again to continue.", "INFO")
    undone = shown.undone()
    if undone is not None:
        _draw_trouble(layout, *undone)


def _draw_trouble(layout: bpy.types.UILayout, what: str, do: str) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.alignment = "RIGHT"
    row.operator("talker.dismiss", text="", icon="X", emboss=False)
    wrapped_text.draw(box, words.for_panel(what), "ERROR")
    if do:
        wrapped_text.draw(box, words.for_panel(do), "BLANK1")
