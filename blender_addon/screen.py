"""What every window of this Blender shows: redraws, the status bar, whom ESC is meant for, text over several lines."""

from __future__ import annotations

from collections.abc import Callable

import blf
import bpy

_AREAS = {"VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"}
_UI_FONT = 0
_BESIDE_TEXT_PX = 96
"""Tabs, margins, a box and an icon beside a label in a sidebar, px at a UI scale of 1."""
_NO_REGION_PX = 240


def redraw(context: bpy.types.Context) -> None:
    """Redraw the areas that show jobs and installations."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _AREAS:
                area.tag_redraw()


def set_status(text: str | None) -> None:
    """The status bar's text in every workspace, since the artist may change workspaces meanwhile; None: Blender's."""
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(text)


def escape_is_free(context: bpy.types.Context) -> bool:
    """Whether ESC is nobody else's: during playback and renders it means these."""
    playing = any(window.screen.is_animation_playing for window in context.window_manager.windows)
    return not playing and not bpy.app.is_job_running("RENDER")


def wrapped(layout: bpy.types.UILayout, text: str, icon: str) -> None:
    """A text over as many lines as the region's width asks for, since labels do not wrap."""
    preferences = bpy.context.preferences
    scale = preferences.system.ui_scale
    region = bpy.context.region
    width = region.width - _BESIDE_TEXT_PX * scale if region else _NO_REGION_PX * scale
    blf.size(_UI_FONT, preferences.ui_styles[0].widget.points * scale)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(broken(text, width, lambda part: blf.dimensions(_UI_FONT, part)[0])):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


def broken(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Lines of a text that are no wider than `width` as `measure` has it; a word that is wider gets its own line."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
