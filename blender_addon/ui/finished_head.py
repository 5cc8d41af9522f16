"""What a finished head is like: its picture beside the footage, and its score in words."""

from __future__ import annotations

import bpy

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
        column = layout.column()
        column.enabled = not reason  # which the step's first button has said
        job_box.draw_step(column, "talker.evaluate", "VIEWZOOM", "", "evaluate")
    pictures.draw_titled(layout, subject.pictures.get(model, ""), "Recorded, and drawn by the head")
