"""What the cuda engine's kernels share: Warp, set up for us, the size of a tile, and the camera as they see it.

NVIDIA Warp compiles kernels with the NVRTC that it brings, when they first run; its CPU device runs the same ones.
Importing this module imports Warp.
"""

from __future__ import annotations

import warp as wp

from shared.camera import Intrinsics
from shared.places import cache_folder

from . import constants

# Warp's own lines would mix with ours on the terminal, and its compiled kernels belong with our other ones.
wp.config.log_level = wp.LOG_WARNING
wp.config.kernel_cache_dir = str(cache_folder() / "warp")
wp.init()

TILE = 16
"""Side of a tile, px."""
BLOCK = TILE * TILE
"""Threads of a block: one a pixel of its tile."""


@wp.struct
class View:
    """The camera's intrinsics and what follows from them, and its screen filter."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    tiles_x: int
    slope_low: wp.vec2
    slope_high: wp.vec2
    blur: float
    """px^2"""


def view_of(intrinsics: Intrinsics, blur: float) -> View:
    """`intrinsics` and the screen filter `blur` (px^2) for the kernels."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    width, height = intrinsics.width, intrinsics.height
    margin_x, margin_y = constants.FOV_MARGIN * 0.5 * width / fx, constants.FOV_MARGIN * 0.5 * height / fy
    view = View()
    view.fx, view.fy, view.cx, view.cy = fx, fy, cx, cy
    view.width, view.height, view.tiles_x = width, height, (width + TILE - 1) // TILE
    view.slope_low = wp.vec2(-cx / fx - margin_x, -cy / fy - margin_y)
    view.slope_high = wp.vec2((width - cx) / fx + margin_x, (height - cy) / fy + margin_y)
    view.blur = blur
    return view
