"""Right click > Online Manual, and F1, over anything of this add-on's: the page that came with it."""

from __future__ import annotations

import bpy

from .. import backend_place

_PAGES = (
    ("bpy.types.talkersettings.footage*", "footage.md"),
    ("bpy.types.talkersettings.frame_size*", "footage.md"),
    ("bpy.types.talkersettings.correct_sound_offset*", "footage.md"),
    ("bpy.types.talkersettings.consent*", "consent.md"),
    ("bpy.types.talkersettings.*life*", "life.md"),
    ("bpy.types.talkersettings.*", "blender.md"),
    ("bpy.types.talkerpreferences.*", "tutorial.md"),
    ("bpy.ops.talker.record_consent*", "consent.md"),
    ("bpy.ops.talker.preprocess*", "footage.md"),
    ("bpy.ops.talker.bring_back*", "blender.md"),
    ("bpy.ops.talker.*", "tutorial.md"),
)
"""What Blender calls a property or an operator (in small letters, as a pattern) to its page; the first that fits."""


def pages() -> tuple[str, tuple[tuple[str, str], ...]]:
    """For Blender: (where the pages lie, pattern to page)."""
    return f"{backend_place.MANUAL.parent.as_uri()}/", _PAGES


def register() -> None:
    """Let Blender know of the pages."""
    bpy.utils.register_manual_map(pages)


def unregister() -> None:
    """Let it forget them."""
    bpy.utils.unregister_manual_map(pages)
