"""Short hashes of what an artist has keyed: by them a change of a line is seen. Drawing asks for them often."""

from __future__ import annotations

import hashlib
from array import array
from typing import Any

import bpy

from .. import compat
from ..bridge import curves, direction, direction_rig

_DIGITS = 12
_FEW = 200
"""Curves with more keys have one on every frame: their frames say nothing."""


def of_direction(rig: bpy.types.Object | None) -> str:
    """What is keyed on a line's rig, wherever the line lies; "" where nothing is."""
    if rig is None or not direction.is_directing(rig):
        return ""
    stands = [round(channel.now(rig), 6) for channel in direction_rig.channels()]
    parts: list[Any] = [stands if not rig.animation_data else [], *_keyed(rig, rig[direction.ANCHOR_KEY])]
    if rig.animation_data is not None:
        keyed = {(curve.data_path, curve.array_index) for curve in compat.fcurves(rig)}
        parts.append([v for v, c in zip(stands, direction_rig.channels(), strict=True)
                      if (c.data_path, c.index) not in keyed])  # fmt: skip
        drivers: Any = rig.animation_data.drivers
        parts += [(d.data_path, d.array_index, d.driver.expression) for d in drivers]
        for track in rig.animation_data.nla_tracks:
            parts += [(track.mute, *_laid(strip, rig[direction.ANCHOR_KEY])) for strip in track.strips]
    return _short(parts)


def of_base(controller: bpy.types.Object | None) -> str:
    """The base curves as they are keyed, wherever the take lies; "" where there are none."""
    return "" if controller is None else _short(_keyed(controller, controller[curves.START_KEY]))


def of_motion(*items: bpy.types.Object | None) -> str:
    """How objects stand and are keyed, by themselves: parents, constraints and drivers are not seen."""
    parts: list[Any] = []
    for item in items:
        if item is None:
            continue
        animation = item.animation_data
        parts += [item.name, *_keyed(item, 0.0)]
        if animation is None or animation.action is None:
            stands: Any = item.matrix_basis
            parts.append([round(value, 5) for row in stands for value in row])
    return _short(parts)


def _keyed(datablock: bpy.types.ID, from_frame: float) -> list[Any]:
    """Of each F-curve: what it moves, and its keys counted from a frame."""
    found = []
    for curve in sorted(compat.fcurves(datablock), key=lambda curve: (curve.data_path, curve.array_index)):
        points = curve.keyframe_points
        places = array("f", bytes(8 * len(points)))
        points.foreach_get("co", places)
        told: list[Any] = [curve.data_path, curve.array_index, curve.mute, curve.extrapolation, len(points)]
        if len(points) > _FEW:
            heights = hashlib.sha256(places[1::2]).hexdigest()
            told += [round(places[0] - from_frame, 3), round(places[-2] - from_frame, 3), heights]
        else:
            told += [(round(x - from_frame, 3), y) for x, y in zip(places[::2], places[1::2], strict=True)]
            told += [(point.interpolation, point.easing, *_handles(point)) for point in points]
        found.append(told)
    return found


def _handles(point: bpy.types.Keyframe) -> tuple[float, ...]:
    """A key's handles as seen from the key."""
    sides = (point.handle_left, point.handle_right)
    return tuple(round(side[axis] - point.co[axis], 4) for side in sides for axis in (0, 1))


def _laid(strip: bpy.types.NlaStrip, from_frame: float) -> tuple[Any, ...]:
    action = strip.action.name if strip.action is not None else ""
    return action, round(strip.frame_start - from_frame, 3), strip.frame_end - strip.frame_start, strip.influence


def _short(parts: list[Any]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_DIGITS]
