"""Everything without a window: for scripts, render farms and `blender -b FILE --command talker …`."""

from __future__ import annotations

from pathlib import Path

import bpy

from .bridge.bring_back import BroughtBack, ImportOptions
from .bridge.bring_back import bring_back as _bring_back


def bring_back(
    render_folder: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    match_scene: bool = True,
    exact_colours: bool = False,
    **options,
) -> BroughtBack:
    """Import a rendered line into a scene (by default the current one); `options` as in ImportOptions.

    Raises InputError where the folder is no finished render.
    """
    scene = scene or bpy.context.scene
    if exact_colours:
        from .bridge import colour

        colour.make_exact(scene)
    return _bring_back(scene, render_folder, frame_start, ImportOptions(match_scene=match_scene, **options))


def register() -> None:
    pass


def unregister() -> None:
    pass
