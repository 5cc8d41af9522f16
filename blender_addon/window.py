"""What every window shows: redraws of the parts that show jobs, the status bar, whom ESC is meant for."""

from __future__ import annotations

import bpy

from .blender_types import window_manager

_SIDEBAR_AREAS = ("VIEW_3D", "SEQUENCE_EDITOR")
_shown: dict[str, str | None] = {"status": None}
"""The status bar's text as it was set last. Setting it repaints the window, so equal texts are not set again."""


def redraw_sidebars(context: bpy.types.Context) -> None:
    """Redraw the sidebars, which show jobs and folders; the view beside them is left alone."""
    for window in window_manager(context).windows:
        for area in window.screen.areas:
            if area.type in _SIDEBAR_AREAS:
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def redraw_preferences(context: bpy.types.Context) -> None:
    """Redraw the preferences where they are open: they show the installation."""
    for window in window_manager(context).windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def set_status(text: str | None) -> None:
    """The status bar's text in every workspace, since the artist may change workspaces meanwhile; None: Blender's."""
    if text == _shown["status"]:
        return
    _shown["status"] = text
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(text)


def escape_is_free(context: bpy.types.Context) -> bool:
    """Whether ESC is nobody else's: during playback and renders it means these."""
    playing = any(window.screen.is_animation_playing for window in window_manager(context).windows)
    return not playing and not bpy.app.is_job_running("RENDER")  # type: ignore[func-returns-value] # it does
