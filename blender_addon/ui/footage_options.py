"""The first step's options."""

from __future__ import annotations

import bpy

from ..properties import TalkerSettings
from . import closed_part

_GROUPS = (
    ("footage_start", "footage_end", "footage_speaker"),
    ("footage_track", "footage_sound", "correct_sound_offset"),
    ("footage_colour", "footage_fps", "frame_size"),
)


def draw(layout: bpy.types.UILayout, settings: TalkerSettings) -> None:
    """A closed sub-panel with all that can be said of the footage."""
    closed_part.draw_options(layout, "footage_options", settings, *_GROUPS)
