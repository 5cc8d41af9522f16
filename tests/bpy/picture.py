"""Renders a frame and hands its pixels back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np


def render(scene, path: Path, *, sequencer: bool, file_format: str = "PNG") -> np.ndarray:
    """(height, width, 4) values as stored in the file, first row on top."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # from 5.0 on
        settings.media_type = "IMAGE"
    settings.file_format = file_format
    settings.color_mode = "RGBA"
    settings.color_depth = "32" if file_format == "OPEN_EXR" else "16"
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.use_sequencer = sequencer
    scene.render.filepath = str(path)
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image: Any = bpy.data.images.load(str(path), check_existing=False)  # fake-bpy-module takes its pixels for one float
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.array(image.pixels[:], np.float32).reshape(height, width, 4)[::-1]
    bpy.data.images.remove(image)
    return pixels
