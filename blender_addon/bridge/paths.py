"""How paths are kept in the .blend: relative to it where Blender does so, so that a project can be moved and copied."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..blender_types import preferences


def stored(path: Path) -> str:
    """A path as the .blend keeps it: relative to it, unless it is not saved, lies on another drive, or the user's
    preferences want paths absolute."""
    if not bpy.data.is_saved or not preferences(bpy.context).filepaths.use_relative_paths:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive
        return str(path)


def absolute(text: str) -> str:
    """A kept path as an absolute one, without asking the disk."""
    return os.path.abspath(bpy.path.abspath(text))


def project_folder() -> Path | None:
    """The folder of the .blend; None while it is not saved."""
    return Path(bpy.data.filepath).parent if bpy.data.is_saved else None
