"""Presets of how a line is spoken, in the title of the line's step, as Blender has them in its own panels."""

from __future__ import annotations

import bpy
from bl_ui.utils import PresetPanel

from ..operators.line_preset import SUBFOLDER


class TALKER_PT_line_presets(PresetPanel, bpy.types.Panel):
    """The list that opens from the title."""

    bl_label = "Line Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "talker.line_preset_add"


CLASSES = (TALKER_PT_line_presets,)
