"""Operator that keeps how a line is spoken as a preset of Blender's, or removes one."""

import bpy
from bl_operators.presets import AddPresetBase

SUBFOLDER = "m2dao_talker/line"
"""Where Blender keeps them, below its folder of presets."""
KEPT = ("pose_mode", "head_life", "face_life", "strength")


class TALKER_OT_line_preset_add(AddPresetBase, bpy.types.Operator):  # type: ignore[misc] # its stubs differ
    """Keep how the head moves and speaks as a preset, or remove one"""

    bl_idname = "talker.line_preset_add"
    bl_label = "Add Line Preset"
    preset_menu = "TALKER_PT_line_presets"
    preset_subdir = SUBFOLDER
    preset_defines = ["settings = bpy.context.scene.talker"]  # Blender reads a list
    preset_values = [f"settings.{name}" for name in KEPT]


CLASSES = (TALKER_OT_line_preset_add,)
