"""Clips and sounds may be dropped onto the Talker tab of a sidebar."""

from __future__ import annotations

import bpy

from ..operators.dropping import CLIPS, SOUNDS
from .panel import TAB

EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR")


class TALKER_FH_files(bpy.types.FileHandler):
    """Takes the files that are dropped there; elsewhere Blender does with them what it does."""

    bl_idname = "TALKER_FH_files"
    bl_label = "Talker"
    bl_import_operator = "talker.take_files"
    bl_file_extensions = ";".join((*CLIPS, *SOUNDS))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Whether the pointer is over the tab."""
        area, region = context.area, context.region
        if area is None or region is None or area.type not in EDITORS or region.type != "UI":
            return False
        return region.active_panel_category == TAB


CLASSES = (TALKER_FH_files,)
