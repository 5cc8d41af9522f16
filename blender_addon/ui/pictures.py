"""Small pictures in the panel: the job's present state, contact sheets. Blender reads them beside the drawing."""

from __future__ import annotations

import bpy
import bpy.utils.previews

from . import folders


class _State:
    collection: bpy.utils.previews.ImagePreviewCollection | None = None


def draw(layout: bpy.types.UILayout, path: str, scale: float = 8.0) -> None:
    """Show the picture at `path`, as it is now; nothing while there is none."""
    icon = _icon(path)
    if icon:
        layout.template_icon(icon_value=icon, scale=scale)


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
