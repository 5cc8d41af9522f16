"""Small pictures in the panel: the job's present state, contact sheets. Blender reads them beside the drawing."""

from __future__ import annotations

import bpy
import bpy.utils.previews

from . import folders

LARGE = 12.0
"""Height of a picture in a sidebar, in rows of buttons."""


class _State:
    collection: bpy.utils.previews.ImagePreviewCollection | None = None


def draw_or_room(layout: bpy.types.UILayout, path: str, title: str, scale: float = LARGE) -> None:
    """A picture with its title; an empty place as large while there is none, so that nothing moves when it comes."""
    column = layout.column(align=True)
    column.label(text=title)
    icon = _icon(path) if path else 0
    if icon:
        column.template_icon(icon_value=icon, scale=scale)
    else:
        room = column.box()
        room.scale_y = scale
        room.label(text="")


def draw_titled(layout: bpy.types.UILayout, path: str, title: str, scale: float = LARGE) -> None:
    """A picture with its title; nothing while there is none."""
    if path and _icon(path):
        draw_or_room(layout, path, title, scale)


def _icon(path: str) -> int:
    changed = folders.picture_changed_at(path)
    if _State.collection is None or changed is None:
        return 0
    key = f"{path}|{changed}"
    if key not in _State.collection:
        for other in [k for k in _State.collection if k.startswith(f"{path}|")]:
            del _State.collection[other]
        _State.collection.load(key, path, "IMAGE")
    return _State.collection[key].icon_id


def open_collection() -> None:
    """Make the place where Blender keeps them."""
    _State.collection = bpy.utils.previews.new()


def close_collection() -> None:
    """Give it back."""
    bpy.utils.previews.remove(_State.collection)
    _State.collection = None
