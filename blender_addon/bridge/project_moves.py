"""Save As elsewhere: the settings' paths that are relative to the file go on meaning the same files and folders.

Blender does this for its own paths; for those of an add-on's settings it is done here, before the file is written.
"""

from __future__ import annotations

import os
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import compat
from ..properties import settings_of
from .strips import editor_of

_PATHS = ("footage", "subject", "line_file", "pose_file", "output", "take")


class _State:
    changed: list[tuple[str, str, str, str]] = []
    """(scene, strip or "", setting, its value before) of the save that is under way: a copy that is saved leaves the
    open file as it is."""
    path = ""
    """Of the open file before it."""


def register() -> None:
    bpy.app.handlers.save_pre.append(_before_saving)
    bpy.app.handlers.save_post.append(_after_saving)
    bpy.app.handlers.save_post_fail.append(_after_failing)


def unregister() -> None:
    for handlers, function in (
        (bpy.app.handlers.save_pre, _before_saving),
        (bpy.app.handlers.save_post, _after_saving),
        (bpy.app.handlers.save_post_fail, _after_failing),
    ):
        if function in handlers:
            handlers.remove(function)


@persistent
def _before_saving(target: Any, *_: Any) -> None:
    _State.changed, _State.path = [], bpy.data.filepath
    if not isinstance(target, str) or not target or not bpy.data.filepath:
        return
    before, after = os.path.dirname(bpy.data.filepath), os.path.dirname(os.path.abspath(target))
    if before == after:
        return
    for scene in bpy.data.scenes:
        for strip, name in [("", name) for name in _PATHS] + [(strip, "subject") for strip in _strips(scene)]:
            settings = _settings(scene, strip)
            text = getattr(settings, name)
            meant = os.path.abspath(bpy.path.abspath(text))
            if not text.startswith("//") or not os.path.exists(meant):  # what is yet to come lies beside the new file
                continue
            _State.changed.append((scene.name, strip, name, text))
            setattr(settings, name, _seen_from(after, meant))


def _strips(scene: bpy.types.Scene) -> list[str]:
    """Names of the strips that may have a speaker of their own."""
    editor = scene.sequence_editor
    return [strip.name for strip in compat.all_strips(editor) if strip.type == "SOUND"] if editor else []


def _settings(scene: bpy.types.Scene, strip: str) -> Any:
    """Of a scene, or of one of its strips."""
    return compat.all_strips(editor_of(scene))[strip].talker if strip else settings_of(scene)


def _seen_from(folder: str, path: str) -> str:
    try:
        return "//" + os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path


@persistent
def _after_saving(*_: Any) -> None:
    if bpy.data.filepath == _State.path:  # a copy was saved: the open file is where it was
        _after_failing()
    _State.changed = []


@persistent
def _after_failing(*_: Any) -> None:
    for scene, strip, name, text in _State.changed:
        if scene in bpy.data.scenes:
            setattr(_settings(bpy.data.scenes[scene], strip), name, text)
    _State.changed = []
