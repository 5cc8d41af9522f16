"""The row that switches the live head on and off, and how it stands."""

from __future__ import annotations

import bpy

from ..jobs import live
from ..properties import settings_of
from . import wrapped_text


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene, reason: str) -> None:
    """The switch; below it how the head stands, or why it was switched off. `reason`: why it cannot be pressed."""
    row = layout.row(align=True)
    row.enabled = live.is_on() or not reason
    row.operator("talker.live_head", icon="HIDE_OFF" if live.is_on() else "HIDE_ON", depress=live.is_on())
    if live.is_on():
        wrapped_text.draw(layout, live.words(), "INFO")
        if not settings_of(scene).use_performance:
            wrapped_text.draw(
                layout, "Renders show edited curves only with Use Edited Curves on (3 Line, Direction).", "INFO"
            )
        return
    what, do = live.trouble()
    if what:
        wrapped_text.draw(layout, what, "ERROR")
    if do:
        wrapped_text.draw(layout, do, "BLANK1")
