"""The first step's options, out of the way until somebody opens them."""

from __future__ import annotations

import bpy

from .. import footage_settings
from ..properties import TalkerSettings


def draw(layout: bpy.types.UILayout, settings: TalkerSettings) -> None:
    """A closed sub-panel with all that can be said of the footage; its title tells how much of it is said."""
    header, body = layout.panel("talker_footage_options", default_closed=True)
    said = sum(not footage_settings.is_default(settings, name) for name in footage_settings.NAMES)
    header.label(text=f"Options ({said} changed)" if said else "Options")
    if body is not None:
        body.use_property_split = True
        body.use_property_decorate = False
        for group in _GROUPS:
            column = body.column(align=True)
            for name in group:
                column.prop(settings, name)


_GROUPS = (
    ("footage_start", "footage_end", "footage_speaker"),
    ("footage_track", "footage_sound", "correct_sound_offset"),
    ("footage_colour", "footage_fps", "frame_size"),
)
