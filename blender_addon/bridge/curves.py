"""The performance as F-curves of a controller object, and an artist's edits back as performance.json."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..shared.errors import InputError
from ..shared.timing import fps_text
from . import keys, tagged
from .placement import Placement
from .simplify import simplify

CONTROLLER_NAME = "Talker Performance"
CURVES_KEY = "talker_curves"
FPS_KEY = "talker_fps"
START_KEY = "talker_frame_start"
COUNT_KEY = "talker_frame_count"
_EMPTY_SIZE_M = 0.15
_SEPARATOR = "\n"
_SAME = 2e-6
"""Values that differ by no more are the same: a performance.json has six decimals."""


def data_path(curve_name: str) -> str:
    """Where a curve lives on the controller."""
    return f'["{bpy.utils.escape_identifier(curve_name)}"]'


def group_name(curve_name: str) -> str:
    """The part of the face by which a curve is filed: the first word of its name, as in jawOpen."""
    return (re.match(r"[a-z]+", curve_name) or [curve_name])[0].title()


def bring(placement: Placement, group: bpy.types.Collection) -> bpy.types.Object:
    """One custom property a curve on an empty, keyed at every frame with what was rendered. Returns the empty.

    Curves of an earlier import that say the same already keep the keys that they have: an artist's few ones.
    """
    take = placement.take
    controller = tagged.scene_object(group, placement.take_id, "performance", CONTROLLER_NAME, None)
    controller.empty_display_type = "CIRCLE"
    controller.empty_display_size = _EMPTY_SIZE_M
    told = _told(controller, placement)
    controller[CURVES_KEY] = _SEPARATOR.join(take.curves)
    controller[FPS_KEY] = fps_text(take.fps)
    controller[START_KEY] = placement.frame_start
    controller[COUNT_KEY] = take.frame_count
    frames = placement.frames()
    action = tagged.action(controller, placement.take_id, "performance", f"{CONTROLLER_NAME} {take.name}")
    for name, values in take.curves.items():
        controller[name] = values[0]
        ui: Any = controller.id_properties_ui(name)  # type: ignore[func-returns-value] # it does
        ui.update(soft_min=0.0, soft_max=1.0, description=f"Performance: {name}")
        if name not in told or not keys.says(told[name], frames, values, _SAME):
            keys.write(controller, action, data_path(name), 0, frames, values, group=group_name(name))
    return controller


def _told(controller: bpy.types.Object, placement: Placement) -> dict[str, bpy.types.FCurve]:
    """The F-curves of an earlier import of as many frames at the same rate, by the curves' names; moved to where the
    take begins now."""
    take = placement.take
    if controller.get(COUNT_KEY) != take.frame_count or controller.get(FPS_KEY) != fps_text(take.fps):
        return {}
    if controller[START_KEY] != placement.frame_start:
        keys.shift(controller, placement.frame_start - controller[START_KEY])
    return by_name(controller)


def by_name(controller: bpy.types.Object) -> dict[str, bpy.types.FCurve]:
    """The F-curves of a controller by the names of their curves."""
    by_path = {curve.data_path: curve for curve in compat.fcurves(controller)}
    names = controller[CURVES_KEY].split(_SEPARATOR)
    return {name: by_path[path] for name in names if (path := data_path(name)) in by_path}


def set_locked(controller: bpy.types.Object, is_locked: bool) -> None:
    """Lock and hide all curves of a controller, as a base that direction is laid over, or have them to edit."""
    for curve in by_name(controller).values():
        curve.lock, curve.hide = is_locked, is_locked


def make_editable(scene: bpy.types.Scene, controller: bpy.types.Object, error: float) -> tuple[int, int]:
    """Unlock a controller's curves and simplify them to few keys, within `error` at every frame of the take; 0: leave
    the keys. Returns how many keys there were, and are. Raises InputError for an object that is no controller.
    """
    _, values = read(scene, controller)
    frames = _frames(scene, controller)
    set_locked(controller, False)
    found = by_name(controller)
    before = sum(len(curve.keyframe_points) for curve in found.values())
    if error <= 0.0:
        return before, before
    return before, sum(simplify(curve, frames, values[name], error) for name, curve in found.items())


def _frames(scene: bpy.types.Scene, controller: bpy.types.Object) -> list[float]:
    """Timeline frames of the take's frames."""
    _, rate = _rates(scene, controller)
    return [float(controller[START_KEY] + n * rate) for n in range(controller[COUNT_KEY])]


def read(scene: bpy.types.Scene, controller: bpy.types.Object) -> tuple[Fraction, dict[str, list[float]]]:
    """(frames a second, curves) as the controller's F-curves say now, at the take's frames.

    A curve without keys holds its property's value. Raises InputError for an object that is no controller.
    """
    return _rates(scene, controller)[0], _values(controller, _frames(scene, controller))


def at(
    scene: bpy.types.Scene, controller: bpy.types.Object, timeline_frame: int
) -> tuple[int, dict[str, float]] | None:
    """(the take's frame, from 1, that a timeline frame shows; the value of each curve there, as `read` has it).

    None outside of the line. Raises InputError for an object that is no controller.
    """
    _, rate = _rates(scene, controller)
    index = math.floor((timeline_frame - controller[START_KEY]) / rate)
    if not 0 <= index < controller[COUNT_KEY]:
        return None
    values = _values(controller, [float(controller[START_KEY] + index * rate)])
    return index + 1, {name: held[0] for name, held in values.items()}


def _rates(scene: bpy.types.Scene, controller: bpy.types.Object) -> tuple[Fraction, Fraction]:
    """(frames a second of the take, timeline frames for each of its frames)."""
    if controller.get(CURVES_KEY) is None:
        raise InputError(f"{controller.name} holds no performance.", f"Choose the {CONTROLLER_NAME} of a take.")
    fps = Fraction(controller[FPS_KEY])
    return fps, keys.scene_fps(scene) / fps


def _values(controller: bpy.types.Object, frames: list[float]) -> dict[str, list[float]]:
    """The value of each curve at timeline frames."""
    found, curves = by_name(controller), {}
    for name in controller[CURVES_KEY].split(_SEPARATOR):
        curve = found.get(name)
        if curve is not None and not curve.mute:
            curves[name] = [curve.evaluate(frame) for frame in frames]
        else:
            curves[name] = [float(controller[name])] * len(frames)
    return curves


def performance(scene: bpy.types.Scene, controller: bpy.types.Object) -> dict:
    """What performance.json for `talker render --performance` holds, from the controller's F-curves as they are now.

    Raises InputError for an object that is no controller.
    """
    fps, curves = read(scene, controller)
    return {"fps": fps_text(fps), "curves": curves}


def find_controller(take_folder: Path) -> bpy.types.Object | None:
    """The controller of a take that was brought back. The disk is asked only where the name does not decide."""
    return tagged.object_of(take_folder, "performance")
