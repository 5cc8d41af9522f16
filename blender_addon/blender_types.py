"""Where the stubs of bpy's types say less than Blender keeps: parts always there, kinds known only at run time."""

from __future__ import annotations

from typing import Any, cast

import bpy

Node = Any
"""A compositor node of a kind with properties of its own."""
Icon = Any
"""An icon's name; the stubs know those of one Blender alone."""
PictureStrip = Any
"""A strip of images or of a movie (its class is another one in 4.2)."""
SoundStrip = Any
"""A strip with a sound (its class is another one in 4.2)."""


def window_manager(context: bpy.types.Context) -> bpy.types.WindowManager:
    """The window manager, which there is in background mode too."""
    return cast(bpy.types.WindowManager, context.window_manager)


def scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The context's scene; a file always has one."""
    return cast(bpy.types.Scene, context.scene)


def preferences(context: bpy.types.Context) -> bpy.types.Preferences:
    """The user's preferences."""
    return cast(bpy.types.Preferences, context.preferences)
