"""The line's dub in the panel: the choice, and what it means for the rest."""

from __future__ import annotations

import bpy

from ..bridge.dubbing import OFF
from ..properties import TalkerSettings
from . import wrapped_text


def draw(layout: bpy.types.UILayout, settings: TalkerSettings) -> None:
    """Off, lower face or head."""
    layout.prop(settings, "dub")
    if settings.dub == OFF:
        return
    if not settings.footage:
        wrapped_text.draw(layout, "Choose the footage (step 1), and put its strip under the line.", "ERROR")
    elif settings.pose_mode in ("OBJECT", "FILE"):
        wrapped_text.draw(layout, "A dub keeps the footage's head poses: choose another Head.", "ERROR")
    else:
        wrapped_text.draw(layout, "Where the footage's strip lies under the line, head and body move as in it.", "INFO")
