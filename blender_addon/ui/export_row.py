"""The buttons that take what was brought back out to other programs."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..bridge import curves, editorial
from ..properties import settings_of
from . import closed_part


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Curves, timeline, camera, in a closed sub-panel: each can be pressed where there is something to take out."""
    settings = settings_of(scene)
    body = closed_part.draw(layout, "export", "Export", settings, ())
    if body is None:
        return
    is_here = bool(settings.take) and curves.find_controller(Path(bpy.path.abspath(settings.take))) is not None
    body.operator("talker.export_performance", icon="EXPORT")
    row = body.row(align=True)
    timeline, camera = row.row(align=True), row.row(align=True)
    timeline.enabled, camera.enabled = editorial.has_takes(scene), is_here
    timeline.operator("talker.export_timeline", text="Timeline", icon="EXPORT")
    camera.operator("talker.export_camera", text="Camera", icon="EXPORT")
