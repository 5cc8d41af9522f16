"""Text over several lines in a panel, since labels do not wrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import blf
import bpy

from ..blender_types import Icon
from ..blender_types import preferences as preferences_of

_UI_FONT = 0
_BESIDE_TEXT_PX = 96
"""Tabs, margins, a box and an icon beside a label in a sidebar, px at a UI scale of 1."""
_NO_REGION_PX = 240


def draw(layout: bpy.types.UILayout, text: str, icon: Icon) -> None:
    """A text over as many lines as the region's width asks for, with an icon before the first."""
    preferences = preferences_of(bpy.context)
    scale = preferences.system.ui_scale
    region = bpy.context.region
    width = region.width - _BESIDE_TEXT_PX * scale if region else _NO_REGION_PX * scale
    blf.size(_UI_FONT, preferences.ui_styles[0].widget.points * scale)
    text = translated(text)  # whole: Blender would look up each line by itself
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(broken(text, width, lambda part: blf.dimensions(_UI_FONT, part)[0])):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


def translated(text: str, context: str = "*") -> str:
    """A text in Blender's language, for what numbers are put into: Blender looks up whole texts alone. Names of
    buttons have the context "Operator"."""
    translate: Any = bpy.app.translations.pgettext_iface
    return translate(text, context)


def broken(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Lines of a text that are no wider than `width` as `measure` has it; a word that is wider gets its own line."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
