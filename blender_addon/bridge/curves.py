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

CONTROLLER_NAME = "Talker Performance"
CURVES_KEY = "talker_curves"
FPS_KEY = "talker_fps"
START_KEY = "talker_frame_start"
COUNT_KEY = "talker_frame_count"
_EMPTY_SIZE_M = 0.15
_SEPARATOR = "\n"


def data_path(curve_name: str) -> str:
    """Where a curve lives on the controller."""
    return f'["{bpy.utils.escape_identifier(curve_name)}"]'


def group_name(curve_name: str) -> str:
    """The part of the face by which a curve is filed: the first word of its name, as in jawOpen."""
    return (re.match(r"[a-z]+", curve_name) or [curve_name])[0].title()


def bring(placement: Placement, group: bpy.types.Collection) -> bpy.types.Object:
    """One custom property a curve on an empty, keyed at every frame with what was rendered. Returns the empty."""
    take = placement.take
    controller = tagged.scene_object(group, placement.take_id, "performance", CONTROLLER_NAME, None)
    controller.empty_display_type = "CIRCLE"
    controller.empty_display_size = _EMPTY_SIZE_M
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
        keys.write(controller, action, data_path(name), 0, frames, values, group=group_name(name))
    return controller


def read(scene: bpy.types.Scene, controller: bpy.types.Object) -> tuple[Fraction, dict[str, list[float]]]:
    """(frames a second, curves) as the controller's F-curves say now, at the take's frames.

    A curve without keys holds its property's value. Raises InputError for an object that is no controller.
    """
    fps, rate = _rates(scene, controller)
    frames = [float(controller[START_KEY] + n * rate) for n in range(controller[COUNT_KEY])]
    return fps, _values(controller, frames)


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
    by_path = {curve.data_path: curve for curve in compat.fcurves(controller)}
    curves = {}
    for name in controller[CURVES_KEY].split(_SEPARATOR):
        curve = by_path.get(data_path(name))
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
