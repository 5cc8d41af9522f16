"""What the panel shows of a line's direction. Drawing reads the scene alone."""

from __future__ import annotations

import bpy

from ..bridge import direction
from ..jobs import takes
from ..properties import settings_of
from . import closed_part, wrapped_text


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """A closed sub-panel: the button that lays controls over the chosen line, which of them are keyed, and whether they
    count; then the base below them."""
    settings = settings_of(scene)
    body = closed_part.draw(layout, "direction", "Direction", settings, ("use_direction", "use_performance"))
    if body is None:
        return
    rig = direction.find(takes.id_of_chosen(scene))
    row = body.row(align=True)
    if rig is None:
        row.enabled = bool(takes.id_of_chosen(scene))
        row.operator("talker.direct_line", icon="ARMATURE_DATA")
    else:
        row.operator("talker.direct_line", text="Select Controls", icon="ARMATURE_DATA")
        row.operator("talker.export_direction", text="", icon="EXPORT")
        keyed = direction.keyed_controls(rig)
        words = f"Directed: {', '.join(keyed)}" if keyed else "Directed: nothing is keyed yet."
        wrapped_text.draw(body, words, "INFO")
        body.prop(settings, "use_direction")
    body.operator("talker.edit_base_curves", icon="FCURVE")
    body.prop(settings, "use_performance")
