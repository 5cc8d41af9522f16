"""Frames as they are stored, and stored frames as pictures, by the compiled library."""

from __future__ import annotations

import numpy as np

from . import library
from .arguments import array, struct
from .library import ffi

LINEAR_STEPS = 4096
"""Steps of the table from display values to linear light."""
HALF_ONE = 0x3C00
"""The half float 1.0 as bits: as many half floats lie in [0, 1)."""
_COLOURS, _MATTES = 4, library.LIMITS["TALKER_MATTES"]


def serves() -> bool:
    """Whether the compiled library is there: these functions take any arrays."""
    return library.load() is not None


def store(
    rgb: np.ndarray,
    alpha: np.ndarray,
    depth: np.ndarray,
    mattes: np.ndarray,
    linear: np.ndarray,
    depth_scale: float,
    empty_depth: float,
    out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A drawn frame as half floats (8, H, W): linear premultiplied R, G, B, alpha, mattes; and its depth (H, W).

    rgb (H, W, 3) display-referred and premultiplied, alpha and depth (H, W), mattes (H, W, 4), float32 of any strides;
    linear (LINEAR_STEPS + 1,) float32, linear light of display values from 0 to 1. Mattes are scaled to sum to alpha;
    depth is multiplied by `depth_scale`, and `empty_depth` where alpha is below 1/255: there everything else is zero.
    out: an earlier call's result, to be overwritten: fetching new memory takes longer than the work.
    """
    height, width = alpha.shape
    if (rgb.shape, depth.shape, mattes.shape) != ((height, width, 3), (height, width), (height, width, _MATTES)):
        raise ValueError(f"rgb {rgb.shape}, alpha {alpha.shape}, depth {depth.shape}, mattes {mattes.shape}")
    if linear.shape != (LINEAR_STEPS + 1,):
        raise ValueError(f"a table of {linear.shape} values, expected {LINEAR_STEPS + 1}")
    planes = [*(rgb[..., c] for c in range(3)), alpha, depth, *(mattes[..., m] for m in range(_MATTES))]
    pointers = [array(np.ascontiguousarray(plane, np.float32)) for plane in planes]
    linear = np.ascontiguousarray(linear, np.float32)
    drawn = struct(
        "talker_drawn",
        rgb=pointers[:3],
        alpha=pointers[3],
        depth=pointers[4],
        mattes=pointers[5:],
        depth_scale=depth_scale,
        empty_depth=empty_depth,
    )
    if out is None or out[1].shape != (height, width):
        out = (
            np.empty((_COLOURS + _MATTES, height, width), np.float16),
            np.empty((height, width), np.float32),
        )
    halves, stored_depth = out
    library.check(
        library.require().talker_store_passes(drawn, array(linear), width, height, array(halves), array(stored_depth))
    )
    return halves, stored_depth


def show(rgba: np.ndarray, display: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """Stored colour over a plate, (H, W, 3) uint8, composited in display space.

    rgba (4, H, W) float16 of [0, 1], linear and premultiplied; display (HALF_ONE + 1,) float32, the display value of
    every half float from 0 to 1; plate (H, W, 3) uint8.
    """
    _, height, width = rgba.shape
    if rgba.dtype != np.float16 or plate.shape != (height, width, 3) or plate.dtype != np.uint8:
        raise ValueError(f"rgba {rgba.shape} {rgba.dtype} over a plate {plate.shape} {plate.dtype}")
    if display.shape != (HALF_ONE + 1,):
        raise ValueError(f"a table of {display.shape} values, expected {HALF_ONE + 1}")
    planes = [array(np.ascontiguousarray(plane)) for plane in rgba]
    plate, display = np.ascontiguousarray(plate), np.ascontiguousarray(display, np.float32)
    out = np.empty((height, width, 3), np.uint8)
    library.check(
        library.require().talker_show_passes(
            ffi.new("uint16_t *[]", planes), array(display), array(plate), width, height, array(out)
        )
    )
    return out
