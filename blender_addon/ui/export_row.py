"""The buttons that take what was brought back out to other programs."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..bridge import curves, editorial
from ..properties import settings_of


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Curves, timeline, camera: each can be pressed where there is something to take out."""
    take = settings_of(scene).take
    is_here = bool(take) and curves.find_controller(Path(bpy.path.abspath(take))) is not None
    layout.operator("talker.export_performance", icon="EXPORT")
    row = layout.row(align=True)
    timeline, camera = row.row(align=True), row.row(align=True)
    timeline.enabled, camera.enabled = editorial.has_takes(scene), is_here
    timeline.operator("talker.export_timeline", text="Timeline", icon="EXPORT")
    camera.operator("talker.export_camera", text="Camera", icon="EXPORT")
