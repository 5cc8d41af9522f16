"""Parts of a step that stay out of the way until somebody opens them."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from .. import footage_settings
from ..properties import TalkerSettings
from .wrapped_text import translated


def draw(
    layout: bpy.types.UILayout, name: str, title: str, settings: TalkerSettings, counted: Iterable[str]
) -> bpy.types.UILayout | None:
    """A closed sub-panel with a title, which tells how many of the settings `counted` are not at their defaults.

    Returns the place for its content while it is open, else None.
    """
    header, body = layout.panel(f"talker_{name}", default_closed=True)
    changed = sum(not footage_settings.is_default(settings, name) for name in counted)
    header.label(text=translated("{} ({} changed)").format(translated(title), changed) if changed else title)
    if body is not None:
        body.use_property_split = True
        body.use_property_decorate = False
    return body


def draw_options(layout: bpy.types.UILayout, name: str, settings: TalkerSettings, *groups: Iterable[str]) -> None:
    """A closed sub-panel with a step's options, those of a group close together."""
    body = draw(layout, name, "Options", settings, [setting for group in groups for setting in group])
    if body is None:
        return
    for group in groups:
        column = body.column(align=True)
        for setting in group:
            column.prop(settings, setting)
