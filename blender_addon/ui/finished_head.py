"""What a finished head is like: its picture beside the footage, and its score in words."""

from __future__ import annotations

import bpy

from ..jobs import words
from ..properties import job_of
from . import job_box, pictures, wrapped_text
from .folders import ScannedSubject

_WITHOUT_REST = "film"
"""The preset that learns from every frame, so that none is left to score on."""


def draw(layout: bpy.types.UILayout, subject: ScannedSubject, model: str, reason: str) -> None:
    """The picture and the score of a subject's model, or the button that scores it; reason: why it cannot be used."""
    score, state = subject.scores.get(model), subject.trainings.get(model)
    if score:
        wrapped_text.draw(layout, f"Scored: {score}", "INFO")
    elif state is not None and state.preset == _WITHOUT_REST:
        wrapped_text.draw(layout, "Not scored: it has learned from every frame, so none is left to test it on.", "INFO")
    else:
        wrapped_text.draw(layout, "Not scored yet.", "INFO")
        _draw_button(layout, reason)
    pictures.draw_titled(layout, subject.pictures.get(model, ""), "Recorded, and drawn by the head")


def _draw_button(layout: bpy.types.UILayout, reason: str) -> None:
    """The button that scores it, and in its place the bar while that is done."""
    job = job_of(bpy.context)
    if words.is_running(job) and job.verb == "evaluate":
        job_box.draw_step(layout, "talker.evaluate", "VIEWZOOM", reason, "evaluate")
        return
    row = layout.row()
    row.enabled = not (reason or words.is_running(job))
    row.operator("talker.evaluate", icon="VIEWZOOM")
    if job.verb == "evaluate":
        job_box.draw_end(layout, job)
