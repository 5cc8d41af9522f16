"""The rig that an artist directs a line with: an armature with a bone for each control, where on the face it acts.

A bone's place or turn is the control's value itself, so the graph editor shows -1 to 1, or degrees. Bones rather than
properties: they are clicked in the viewport, keyed with I, put back with Alt G and Alt R, mirrored, layered in the
NLA, and their poses go into Blender's asset library and fit every rig, since all have the same bones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy

from ..shared.camera import CENTIMETRE_M
from ..shared.direction import BY_NAME, HEAD_CONTROLS, NECK_CM, NOD, RECORDED, STILL, STRENGTH, TILT, TURN

TRAVEL_M = 0.02
"""How far a bone goes for 1."""
_RIGHT, _UP, _DOWN = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)
_ALONG, _ACROSS = 1, 0
"""A bone's own axes."""
_TURNS = {NOD: (0, 1.0), TURN: (1, 1.0), TILT: (2, -1.0)}
"""Axis of the head's bone, and the sign, of each of its controls."""
_TURN_ORDER = "ZXY"
"""Tilt innermost, turn outermost, as the backend turns the head."""
_PALETTE = {"Mouth": "THEME03", "Eyes": "THEME04", "Head": "THEME09"}
"""Colour of a group's bones, among Blender's own: green, blue, yellow. Black lines are lost in hair."""
_WIRE_PX = 2.0
_TO_VIEWER = (0.0, -1.0, 0.0)
_SHAPE_KEY = "talker_shape"
_CORNERS = {"CIRCLE": 24, "SQUARE": 4, "DIAMOND": 4}


@dataclass(frozen=True)
class Handle:
    """One bone of the rig."""

    bone: str
    group: str
    """The bone collection that it is in."""
    place_cm: tuple[float, float, float]
    """Where it rests, in the head's frame (shared.camera)."""
    points: tuple[float, float, float]
    """Where it points, in Blender's axes: its control rises that way."""
    controls: dict[str, int]
    """Control to the bone's own axis along which it moves; the head's: about which it turns."""
    shape: str = "CIRCLE"
    size_cm: float = 1.0

    @property
    def turns(self) -> bool:
        """Whether its controls are turns."""
        return next(iter(self.controls)) in HEAD_CONTROLS


HANDLES: tuple[Handle, ...] = (
    Handle("Jaw", "Mouth", (0, -9.5, 8), _DOWN, {"jaw": _ALONG}, size_cm=1.5),
    Handle("Lips Wide", "Mouth", (4.0, -5.0, 8), _RIGHT, {"lipsWide": _ALONG}, "DIAMOND", 0.8),
    Handle("Lips Round", "Mouth", (0, -4.5, 8), _UP, {"lipsRound": _ALONG}),
    Handle("Smile", "Mouth", (-4.5, -3.0, 8), _UP, {"smile": _ALONG}),
    Handle("Speech", "Mouth", (8.5, -5.0, 8), _UP, {STRENGTH: _ALONG}, "DIAMOND", 1.2),
    Handle("Brows", "Eyes", (0, 6.0, 8), _UP, {"brows": _ALONG}, size_cm=1.5),
    Handle("Blink", "Eyes", (-5.5, 3.0, 8), _DOWN, {"blink": _ALONG}),
    Handle("Gaze", "Eyes", (0, 2.5, 10), _UP, {"gazeSide": _ACROSS, "gazeUp": _ALONG}, "SQUARE", 1.2),
    Handle("Head", "Head", NECK_CM, _UP, {NOD: 0, TURN: 1, TILT: 2}, size_cm=13.0),
    Handle("Hold Still", "Head", (11.0, 7.0, 0), _UP, {STILL: _ALONG}, "DIAMOND", 1.2),
    Handle("As Recorded", "Head", (11.0, 2.0, 0), _UP, {RECORDED: _ALONG}, "DIAMOND", 1.2),
)


@dataclass(frozen=True)
class Channel:
    """Where a control's value is kept on the rig."""

    control: str
    bone: str
    kind: str
    """`location` or `rotation_euler`."""
    index: int
    factor: float
    """The control's value, of what is kept there."""

    @property
    def data_path(self) -> str:
        return f'pose.bones["{self.bone}"].{self.kind}'

    def now(self, rig: bpy.types.Object) -> float:
        """The value as the rig stands, within the control's limits."""
        pose: Any = rig.pose
        return self.value(getattr(pose.bones[self.bone], self.kind)[self.index])

    def value(self, kept: float) -> float:
        """The control's value, within its limits, of what is kept."""
        return BY_NAME[self.control].held(kept * self.factor)


def channels() -> list[Channel]:
    """Of every control, in the order of the bones."""
    found = []
    for handle in HANDLES:
        for control, axis in handle.controls.items():
            if handle.turns:
                factor = math.degrees(1.0) * _TURNS[control][1]
                found.append(Channel(control, handle.bone, "rotation_euler", axis, factor))
            else:
                found.append(Channel(control, handle.bone, "location", axis, 1.0))
    return found


def build(name: str) -> bpy.types.Object:
    """A new rig with every control at 0, not yet in any collection. In the space of the head's object."""
    armature = bpy.data.armatures.new(name)
    armature.show_names = True
    rig = bpy.data.objects.new(name, armature)
    rig.show_in_front = True
    rig.scale = (TRAVEL_M,) * 3
    with _edited(rig):
        for handle in HANDLES:
            bone = armature.edit_bones.new(handle.bone)
            x, y, z = (value * CENTIMETRE_M / TRAVEL_M for value in handle.place_cm)
            at, way = (x, -z, y), handle.points
            bone.head = at
            bone.tail = (at[0] + 0.5 * way[0], at[1] + 0.5 * way[1], at[2] + 0.5 * way[2])
            bone.roll = 0.0
            if not handle.turns:
                bone.align_roll(_TO_VIEWER)  # its shape is seen from the front, wherever it points
    pose: Any = rig.pose
    for handle in HANDLES:
        _dress(pose.bones[handle.bone], handle)
        collections = armature.collections
        group = collections.get(handle.group) or collections.new(handle.group)
        group.assign(armature.bones[handle.bone])
    return rig


def _dress(bone: Any, handle: Handle) -> None:
    """Shape, limits and locks of a bone."""
    bone.custom_shape = _shape(handle.shape, flat=handle.turns)
    bone.use_custom_shape_bone_size = False
    bone.custom_shape_wire_width = _WIRE_PX
    bone.color.palette = _PALETTE[handle.group]
    bone.custom_shape_scale_xyz = (handle.size_cm * CENTIMETRE_M / TRAVEL_M,) * 3
    bone.rotation_mode = _TURN_ORDER
    bone.lock_scale = (True,) * 3
    bone.lock_location = [handle.turns or axis not in handle.controls.values() for axis in range(3)]
    bone.lock_rotation = (not handle.turns,) * 3
    limit = bone.constraints.new("LIMIT_ROTATION" if handle.turns else "LIMIT_LOCATION")
    limit.owner_space = "LOCAL"
    limit.use_transform_limit = True
    for control, axis in handle.controls.items():
        low, high = BY_NAME[control].low, BY_NAME[control].high
        letter = "xyz"[axis]
        if handle.turns:
            low, high = sorted(math.radians(value) * _TURNS[control][1] for value in (low, high))
            setattr(limit, f"use_limit_{letter}", True)
        else:
            setattr(limit, f"use_min_{letter}", True)
            setattr(limit, f"use_max_{letter}", True)
        setattr(limit, f"min_{letter}", low)
        setattr(limit, f"max_{letter}", high)


def _shape(kind: str, flat: bool) -> bpy.types.Object:
    """The wire that a bone is drawn as, of radius 1: one for all rigs of a file; `flat` lies around the bone."""
    key = f"{kind} {'FLAT' if flat else 'UPRIGHT'}"
    found = next((item for item in bpy.data.objects if item.get(_SHAPE_KEY) == key), None)
    if found is not None:
        return found
    corners, begin = _CORNERS[kind], 0.125 if kind == "SQUARE" else 0.0
    angles = [2 * math.pi * (begin + n / corners) for n in range(corners)]
    points = [(math.cos(a), 0.0, math.sin(a)) if flat else (math.cos(a), math.sin(a), 0.0) for a in angles]
    mesh = bpy.data.meshes.new(f"Talker Shape {key.title()}")
    mesh.from_pydata(points, [(n, (n + 1) % corners) for n in range(corners)], [])
    shape = bpy.data.objects.new(mesh.name, mesh)
    shape[_SHAPE_KEY] = key
    return shape


@contextmanager
def _edited(rig: bpy.types.Object) -> Iterator[None]:
    """A rig in edit mode, for a while: Blender makes bones in no other, and only of what the window's scene has."""
    context = bpy.context
    layer: Any = context.view_layer
    collection: Any = layer.layer_collection.collection
    active, selected = layer.objects.active, [item for item in layer.objects if item.select_get()]
    mode: Any = active.mode if active is not None else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    collection.objects.link(rig)
    try:
        layer.objects.active = rig
        bpy.ops.object.mode_set(mode="EDIT")
        yield
        bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        collection.objects.unlink(rig)
        layer.objects.active = active
        for item in selected:
            item.select_set(True)
        if mode not in ("OBJECT", "EDIT"):
            bpy.ops.object.mode_set(mode=mode)
