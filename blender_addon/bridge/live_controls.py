"""A direction rig's controls over the live picture, which would hide them: Blender draws bones before it.

Only what is drawn is here. Blender itself selects and drags the bones, whether something lies over them or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from .. import compat
from ..blender_types import preferences
from . import direction, tagged

_gpu: Any = gpu  # its stubs lack the viewport


@dataclass(frozen=True)
class Wire:
    """One control as it is drawn."""

    bone: str
    lines: tuple[tuple[float, float, float], ...]
    """Ends of its lines, two by two, metres in the world."""
    colour: tuple[float, float, float]
    width_px: float


def wires(context: bpy.types.Context) -> list[Wire]:
    """The controls of the rig that is posed at present; none where it is no direction rig, or is hidden."""
    rig: Any = context.view_layer.objects.active if context.view_layer else None
    if rig is None or rig.mode != "POSE" or rig.get(tagged.ROLE_KEY) != direction.ROLE or not rig.visible_get():
        return []
    found = []
    for bone in rig.pose.bones:
        shape = bone.custom_shape
        if shape is None or compat.pose_bone_flag(bone, "hide"):
            continue
        placed = rig.matrix_world @ bone.matrix @ Matrix.Diagonal((*bone.custom_shape_scale_xyz, 1.0))
        mesh = shape.data
        ends = [mesh.vertices[vertex].co for edge in mesh.edges for vertex in edge.vertices]
        lines = tuple((placed @ Vector(end))[:] for end in ends)
        found.append(Wire(bone.name, lines, _colour(rig, bone), bone.custom_shape_wire_width))
    return found


def draw(context: bpy.types.Context) -> None:
    """Draw them into the 3D view that is being drawn, unless its overlays or bones are switched off."""
    overlay: Any = getattr(context.space_data, "overlay", None)
    if overlay is None or not (overlay.show_overlays and overlay.show_bones):
        return
    shader = _gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    scale = preferences(context).system.ui_scale
    for wire in wires(context):
        batch = batch_for_shader(shader, "LINES", {"pos": wire.lines})
        shader.uniform_float("viewportSize", _gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", wire.width_px * scale)
        shader.uniform_float("color", (*wire.colour, 1.0))
        batch.draw(shader)


def _colour(rig: Any, bone: Any) -> tuple[float, float, float]:
    """By the bone's own colours and whether it is selected, as Blender has it."""
    palette = bone.color.palette
    theme: Any = preferences(bpy.context).themes[0]
    is_active = rig.data.bones.active == bone.bone
    if palette.startswith("THEME"):
        colours = theme.bone_color_sets[int(palette.removeprefix("THEME")) - 1]
        chosen = colours.active if is_active else colours.select
        return tuple(chosen if compat.pose_bone_flag(bone, "select") else colours.normal)
    view = theme.view_3d
    chosen = view.bone_pose_active if is_active else view.bone_pose
    return tuple((chosen if compat.pose_bone_flag(bone, "select") else view.wire)[:3])
