"""What the cuda engine's kernels share: Warp, set up for us, the size of a tile, and the camera as they see it.

NVIDIA Warp compiles kernels with the NVRTC that it brings, when they first run; its CPU device runs the same ones.
Importing this module imports Warp.
"""

from __future__ import annotations

import warp as wp

from shared.camera import Intrinsics
from shared.places import cache_folder

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
    """The picture's size, and its tiles: what a launch of kernels fixes. The rest of the camera is the lens, on the
    device, where it may change between replays of a captured graph."""

    width: int
    height: int
    tiles_x: int


def view_of(intrinsics: Intrinsics) -> View:
    """The size of `intrinsics` for the kernels."""
    view = View()
    view.width, view.height = intrinsics.width, intrinsics.height
    view.tiles_x = (intrinsics.width + TILE - 1) // TILE
    return view
