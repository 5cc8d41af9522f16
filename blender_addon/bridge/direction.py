"""The direction of a line: its rig in the scene, and what is keyed on it as a direction.json for a render."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import scene as scene_of
from ..shared.errors import InputError
from ..shared.take_ids import is_id, public_id
from ..shared.timing import fps_text
from . import keys, tagged
from .direction_rig import Channel, build, channels

ROLE = "direction"
RIG_NAME = "Talker Direction"
STRIP_KEY = "talker_line_strip"
"""The name of the strip whose line the rig directs; "" for a line that is none."""
ANCHOR_KEY = "talker_line_anchor"
"""The frame at which the line's sound began when its keys lay where they lie: what they go along with."""
_DECIMALS = 6


def find(line_id: str) -> bpy.types.Object | None:
    """The rig of the line with this id (jobs.takes.line_id, or as a manifest has it); None where it is not directed."""
    rigs = (item for item in bpy.data.objects if item.get(tagged.ROLE_KEY) == ROLE)
    return next((rig for rig in rigs if line_id and is_id(rig.get(tagged.ID_KEY), line_id)), None)


def bring(scene: bpy.types.Scene, take_folder: Path, line_id: str, strip: str, frame_start: int) -> bpy.types.Object:
    """The rig of a line: the one there is, else a new one with every control at 0.

    take_folder: of the line's take, there or not yet; strip: the line's strip, "" for another line, which begins at
    `frame_start`.
    """
    rig = find(line_id)
    if rig is None:
        take_id = tagged.identity(take_folder, public_id(line_id))
        rig = tagged.mark(build(f"{RIG_NAME} {take_folder.name}"), take_id, ROLE)
        rig[tagged.ID_KEY] = public_id(line_id)
        rig[STRIP_KEY] = strip
        rig[ANCHOR_KEY] = _anchor(scene, strip, float(frame_start))
        tagged.collection(scene, take_id, f"Talker {take_folder.name}").objects.link(rig)
        _hang(rig, take_id)
    return rig


def take_in(scene: bpy.types.Scene, take_id: str, manifest_id: str, frame_start: int) -> None:
    """Let the rig of a take that is brought back go with the take's head, and its keys with the line."""
    rig = find(manifest_id)
    if rig is not None:
        rig[tagged.TAKE_KEY] = take_id
        _hang(rig, take_id)
        follow(scene, rig, frame_start)


def _hang(rig: bpy.types.Object, take_id: str) -> None:
    head = tagged.find(bpy.data.objects, take_id, "head")
    if head is not None:
        rig.parent = head


def follow(scene: bpy.types.Scene, rig: bpy.types.Object, frame_start: int) -> float:
    """Move the rig's keys with its line, where that was moved since; by how many frames. frame_start: where a line
    begins that is no strip."""
    moved = _moved(scene, rig, frame_start)
    if moved:
        keys.shift(rig, moved)
        rig[ANCHOR_KEY] = rig[ANCHOR_KEY] + moved
    return moved


def is_directing(rig: bpy.types.Object) -> bool:
    """Whether any control is keyed, or stands anywhere but at 0."""
    keyed = {(curve.data_path, curve.array_index) for curve in compat.fcurves(rig)}
    return _is_layered(rig) or any((c.data_path, c.index) in keyed or c.now(rig) != 0.0 for c in channels())


def keyed_controls(rig: bpy.types.Object) -> list[str]:
    """Names of the bones that are keyed or moved, in their order."""
    keyed = {(curve.data_path, curve.array_index) for curve in compat.fcurves(rig)}
    return list(dict.fromkeys(c.bone for c in channels() if (c.data_path, c.index) in keyed or c.now(rig) != 0.0))


def read(scene: bpy.types.Scene, rig: bpy.types.Object, frame_start: int, count: int) -> dict[str, Any]:
    """What direction.json holds for `count` frames of a line that begins at `frame_start`, as the rig is keyed now:
    controls that are anywhere but at 0. Keys go along with a line that was moved since.

    Where drivers or the NLA move the rig, the scene is evaluated at these frames, and stands where it stood afterwards.
    Raises InputError for an object that is no rig.
    """
    if rig.type != "ARMATURE" or rig.get(ANCHOR_KEY) is None:
        raise InputError(f"{rig.name} directs no line.", "Press Direct This Line.")
    first = frame_start - _moved(scene, rig, frame_start)
    frames = [first + n for n in range(count)]
    values = _evaluated(scene, rig, frames) if _is_layered(rig) else _of_curves(rig, frames)
    moved = {name: [round(v, _DECIMALS) for v in given] for name, given in values.items() if any(given)}
    return {"fps": fps_text(keys.scene_fps(scene)), "controls": moved}


def at(scene: bpy.types.Scene, rig: bpy.types.Object, frame: int) -> dict[str, float]:
    """The controls at a timeline frame, those that are anywhere but at 0: in the scene's own frame as the rig stands,
    dragged or keyed, in others as it is keyed. Nothing is evaluated."""
    if frame == scene.frame_current or _is_layered(rig):
        values = {channel.control: channel.now(rig) for channel in channels()}
    else:
        values = {name: given[0] for name, given in _of_curves(rig, [float(frame)]).items()}
    return {name: round(value, _DECIMALS) for name, value in values.items() if value}


def _of_curves(rig: bpy.types.Object, frames: list[float]) -> dict[str, list[float]]:
    """Each control at these frames, by its F-curve; one without keys stands where it stands."""
    curves = {(curve.data_path, curve.array_index): curve for curve in compat.fcurves(rig) if not curve.mute}

    def along(channel: Channel) -> list[float]:
        curve = curves.get((channel.data_path, channel.index))
        if curve is None or curve.is_empty:
            return [channel.now(rig)] * len(frames)
        return [channel.value(curve.evaluate(frame)) for frame in frames]

    return {channel.control: along(channel) for channel in channels()}


def _evaluated(scene: bpy.types.Scene, rig: bpy.types.Object, frames: list[float]) -> dict[str, list[float]]:
    """Each control at these frames, as drivers and the NLA's strips make it."""
    values: dict[str, list[float]] = {channel.control: [] for channel in channels()}
    keep, keep_subframe = scene.frame_current, scene.frame_subframe
    try:
        for frame in frames:
            scene.frame_set(int(frame // 1), subframe=frame % 1)
            for channel in channels():
                values[channel.control].append(channel.now(rig))
    finally:
        scene.frame_set(keep, subframe=keep_subframe)
    return values


def _is_layered(rig: bpy.types.Object) -> bool:
    """Whether more than one action moves a rig."""
    animation = rig.animation_data
    if animation is None:
        return False
    return len(animation.drivers) > 0 or any(len(track.strips) and not track.mute for track in animation.nla_tracks)


def _moved(scene: bpy.types.Scene, rig: bpy.types.Object, frame_start: int) -> float:
    strip = rig.get(STRIP_KEY, "")
    return _anchor(scene, strip, rig[ANCHOR_KEY] if strip else float(frame_start)) - rig[ANCHOR_KEY]


def _anchor(scene: bpy.types.Scene, strip_name: str, otherwise: float) -> float:
    """Frame at which the sound of a line begins, trimmed away or not: a trim moves no word, a move does."""
    editor = scene.sequence_editor
    strip = compat.all_strips(editor).get(strip_name) if editor and strip_name else None
    return otherwise if strip is None else float(compat.strip_content_start(strip))


def select(context: bpy.types.Context, rig: bpy.types.Object) -> None:
    """Make the rig the active object, in pose mode where a window shows it."""
    layer: Any = context.view_layer
    layer.update()
    if rig.name not in scene_of(context).objects or rig.name not in layer.objects:
        return
    if layer.objects.active is not None and layer.objects.active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for item in layer.objects:
        item.select_set(item == rig)
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
