"""The performance as F-curves of a controller object, and an artist's edits back as performance.json."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import bpy

from .. import compat
from ..shared.errors import InputError
from ..shared.timing import fps_text
from ..take import Take
from . import keys, owned

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


def bring(scene: bpy.types.Scene, take: Take, group: bpy.types.Collection, frame_start: int) -> bpy.types.Object:
    """One custom property a curve on an empty, keyed at every frame with what was rendered. Returns the empty."""
    take_id = str(take.folder)
    controller = owned.scene_object(group, take_id, "performance", CONTROLLER_NAME, None)
    controller.empty_display_type = "CIRCLE"
    controller.empty_display_size = _EMPTY_SIZE_M
    controller[CURVES_KEY] = _SEPARATOR.join(take.curves)
    controller[FPS_KEY] = fps_text(take.fps)
    controller[START_KEY] = frame_start
    controller[COUNT_KEY] = take.frame_count
    frames = keys.take_frames(take.frame_count, take.fps, frame_start, keys.scene_fps(scene))
    action = owned.action(controller, take_id, "performance", f"{CONTROLLER_NAME} {take.name}")
    for name, values in take.curves.items():
        controller[name] = values[0]
        controller.id_properties_ui(name).update(soft_min=0.0, soft_max=1.0, description=f"Performance: {name}")
        keys.write(controller, action, data_path(name), 0, frames, values)
    return controller


def read(scene: bpy.types.Scene, controller: bpy.types.Object) -> tuple[Fraction, dict[str, list[float]]]:
    """(frames a second, curves) as the controller's F-curves say now, at the take's frames.

    A curve without keys holds its property's value. Raises InputError for an object that is no controller.
    """
    if CURVES_KEY not in controller:
        raise InputError(f"{controller.name} holds no performance.", f"Choose the {CONTROLLER_NAME} of a take.")
    fps = Fraction(controller[FPS_KEY])
    frames = keys.take_frames(controller[COUNT_KEY], fps, controller[START_KEY], keys.scene_fps(scene))
    by_path = {curve.data_path: curve for curve in compat.fcurves(controller)}
    curves = {}
    for name in controller[CURVES_KEY].split(_SEPARATOR):
        curve = by_path.get(data_path(name))
        if curve is not None and not curve.mute:
            curves[name] = [curve.evaluate(frame) for frame in frames]
        else:
            curves[name] = [float(controller[name])] * len(frames)
    return fps, curves


def write(scene: bpy.types.Scene, controller: bpy.types.Object, path: Path) -> Path:
    """performance.json for `talker render --performance`, from the controller's F-curves as they are now."""
    fps, curves = read(scene, controller)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps({"fps": fps_text(fps), "curves": curves}) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def find_controller(take_folder: Path) -> bpy.types.Object | None:
    """The controller of a take that was brought back."""
    return owned.find(bpy.data.objects, str(take_folder.resolve()), "performance")
