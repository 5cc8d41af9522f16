"""What the panel shows of a line's direction. Drawing reads the scene alone."""

from __future__ import annotations

import bpy

from ..bridge import direction
from ..jobs import takes
from ..properties import settings_of
from . import wrapped_text


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The button that lays controls over the chosen line; then which of them are keyed, and whether they count."""
    rig = direction.find(takes.id_of_chosen(scene))
    layout.operator("talker.edit_base_curves", icon="FCURVE")
    layout.prop(settings_of(scene), "use_direction")
    row = layout.row(align=True)
    if rig is None:
        row.enabled = bool(takes.id_of_chosen(scene))
        row.operator("talker.direct_line", icon="ARMATURE_DATA")
        return
    row.operator("talker.direct_line", text="Select Controls", icon="ARMATURE_DATA")
    row.operator("talker.export_direction", text="", icon="EXPORT")
    keyed = direction.keyed_controls(rig)
    wrapped_text.draw(layout, f"Directed: {', '.join(keyed)}" if keyed else "Directed: nothing is keyed yet.", "INFO")
