"""Many keys at once, and the frames they lie on."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain

import bpy

from .. import compat

_INTERPOLATION = {"CONSTANT": 0, "LINEAR": 1, "BEZIER": 2}
_VECTOR, _AUTO_CLAMPED = 2, 4
"""Numbers of types of handles."""
_NTSC_TOLERANCE = Fraction(1, 20000)


def scene_fps(scene: bpy.types.Scene) -> Fraction:
    """Frames a second of a scene's timeline, exactly: `fps_base` is a rounded number that stands for 1.001 or 1."""
    rate = Fraction(scene.render.fps) / Fraction(round(scene.render.fps_base * 10**6), 10**6)
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return ntsc if abs(rate / ntsc - 1) < _NTSC_TOLERANCE else rate.limit_denominator(1001)


def set_scene_fps(scene: bpy.types.Scene, fps: Fraction) -> None:
    """Let a scene's timeline run at this rate."""
    whole = -(-fps.numerator // fps.denominator)
    scene.render.fps = whole
    scene.render.fps_base = float(whole / fps)


def write(
    datablock: bpy.types.ID,
    action: bpy.types.Action,
    data_path: str,
    index: int,
    frames: Sequence[float],
    values: Sequence[float],
    interpolation: str = "LINEAR",
    group: str = "",
) -> bpy.types.FCurve:
    """Replace all keys of one F-curve by these. A new curve goes into the channel group `group`."""
    curve = next((c for c in compat.fcurves(datablock) if c.data_path == data_path and c.array_index == index), None)
    if curve is None:
        curve = compat.new_fcurve(datablock, action, data_path, index, group)
    lay(curve, frames, values, interpolation)
    return curve


def lay(
    curve: bpy.types.FCurve, frames: Sequence[float], values: Sequence[float], interpolation: str = "BEZIER"
) -> None:
    """Replace all keys of a curve by these; those of BEZIER have automatic handles that never overshoot and go by the
    keys beside them alone; the ends point at their neighbours."""
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", list(chain.from_iterable(zip(frames, values, strict=True))))
    points.foreach_set("interpolation", [_INTERPOLATION[interpolation]] * len(frames))
    if interpolation == "BEZIER":
        curve.auto_smoothing = "NONE"
        inner = [_AUTO_CLAMPED] * (len(frames) - 2)
        for side in ("handle_left_type", "handle_right_type"):
            points.foreach_set(side, [_VECTOR, *inner, _VECTOR][: len(frames)])
    curve.update()


def says(curve: bpy.types.FCurve, frames: Sequence[float], values: Sequence[float], tolerance: float) -> bool:
    """Whether a curve has these values at these frames, whatever keys it has."""
    return all(abs(curve.evaluate(at) - value) <= tolerance for at, value in zip(frames, values, strict=True))


def shift(datablock: bpy.types.ID, frames: float) -> None:
    """Move all keys of a datablock by so many frames, with their handles."""
    for curve in compat.fcurves(datablock):
        points = curve.keyframe_points
        for name in ("co", "handle_left", "handle_right"):
            values = [0.0] * (2 * len(points))
            points.foreach_get(name, values)
            values[::2] = [frame + frames for frame in values[::2]]
            points.foreach_set(name, values)
        curve.update()


def erase(datablock: bpy.types.ID, data_paths: Sequence[str]) -> None:
    """Remove all keys of these properties."""
    for curve in [c for c in compat.fcurves(datablock) if c.data_path in data_paths]:
        compat.remove_fcurve(datablock, curve)
