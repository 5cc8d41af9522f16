"""One drawn frame as it is delivered: the passes of an EXR, straight RGBA, and the picture of the preview.

The preview's picture is made from the stored values, not from the drawn ones: a frame that is read back has the same
bits.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from backend.kernels import passes as kernel
from backend.media import colour
from backend.portrait.portrait import PortraitFrame
from shared import layout
from shared.camera import CENTIMETRE_M

Buffers = tuple[np.ndarray, np.ndarray]
"""Memory of `stored_passes`, to be used again."""


def frame_passes(frame: PortraitFrame[np.ndarray], colour_name: str) -> dict[str, np.ndarray]:
    """The passes of a multilayer EXR.

    frame: display-referred premultiplied, depth in cm; colour_name: its transfer curve. Returns Combined (H, W, 4)
    scene-linear premultiplied, Depth (H, W) in metres, and a matte (H, W) for each of layout.REGION_NAMES; the mattes
    are scaled to sum to alpha.
    """
    alpha = np.clip(np.asarray(frame.alpha, np.float32), 0.0, 1.0)
    alpha = np.where(alpha < layout.VISIBLE_ALPHA, 0.0, alpha).astype(np.float32)
    linear = colour.premultiplied_to_linear(np.asarray(frame.rgb, np.float32), alpha, colour_name)
    mattes = np.clip(np.asarray(frame.drawn_mattes, np.float32), 0.0, 1.0)
    total = mattes.sum(axis=2)
    mattes = mattes * np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 1e-6)[..., None]
    depth = np.asarray(frame.depth, np.float32) * np.float32(CENTIMETRE_M)
    passes = {
        "Combined": np.concatenate([linear, alpha[..., None]], axis=2).astype(np.float32),
        "Depth": np.where(alpha > 0, depth, np.float32(layout.DEPTH_EMPTY)),
    }
    return passes | {name.capitalize(): mattes[..., i] for i, name in enumerate(layout.REGION_NAMES)}


def stored_passes(
    frame: PortraitFrame[np.ndarray], colour_name: str, buffers: Buffers | None = None
) -> tuple[dict[str, np.ndarray], Buffers | None]:
    """`frame_passes` with the precision at which an EXR has them (colour and mattes float16), made in one go.

    buffers: returned by an earlier call for a frame whose passes are no longer needed: they are overwritten.
    """
    if not kernel.serves():
        passes = frame_passes(frame, colour_name)
        return {name: p if name == "Depth" else p.astype(np.float16) for name, p in passes.items()}, None
    halves, depth = kernel.store(
        frame.rgb, frame.alpha, frame.depth, frame.drawn_mattes, _linear_table(colour_name),
        CENTIMETRE_M, layout.DEPTH_EMPTY, buffers,
    )  # fmt: skip
    passes = {"Combined": np.moveaxis(halves[:4], 0, 2), "Depth": depth}
    return passes | {name.capitalize(): halves[4 + i] for i, name in enumerate(layout.REGION_NAMES)}, (halves, depth)


def without_torso(passes: Mapping[str, np.ndarray]) -> np.ndarray:
    """(H, W, 4) float16: the Combined pass of stored passes without what the torso's matte covers, as a compositor
    takes the head alone: colour and alpha times the share of the other mattes."""
    combined, torso = (passes[name].astype(np.float32) for name in ("Combined", "Torso"))
    alpha = combined[..., 3]
    share = np.divide(torso, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    return (combined * (1.0 - np.clip(share, 0.0, 1.0))[..., None]).astype(np.float16)


def combined_over_plate(combined: np.ndarray, colour_name: str, plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a stored Combined pass (H, W, 4) float16 over the plate (H, W, 3) uint8, in display space."""
    if kernel.serves():
        return kernel.show(np.moveaxis(combined, 2, 0), _display_table(colour_name), plate)
    rgba = combined.astype(np.float32)
    _, from_linear = colour.transfer(colour_name)
    alpha = rgba[..., 3:]
    return _over(from_linear(colour.unpremultiply(rgba[..., :3], rgba[..., 3])) * alpha, alpha, plate)


def straight_rgba(frame: PortraitFrame[np.ndarray]) -> np.ndarray:
    """(H, W, 4) uint8, display-referred colour with straight alpha, as PNG has it."""
    alpha = np.clip(np.asarray(frame.alpha, np.float32), 0.0, 1.0)
    rgba = np.concatenate([colour.unpremultiply(np.asarray(frame.rgb, np.float32), alpha), alpha[..., None]], axis=2)
    return np.rint(rgba * 255.0).astype(np.uint8)


def straight_over_plate(rgba: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a stored straight picture (H, W, 4) uint8 over the plate (H, W, 3) uint8."""
    straight = rgba.astype(np.float32) / 255.0
    alpha = straight[..., 3:]
    return _over(straight[..., :3] * alpha, alpha, plate)


def over_plate(frame: PortraitFrame[np.ndarray], plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: a drawn frame over the plate (H, W, 3) uint8, in display space."""
    return _over(frame.rgb, frame.alpha[..., None], plate)


def _over(premultiplied: np.ndarray, alpha: np.ndarray, plate: np.ndarray) -> np.ndarray:
    picture = premultiplied + (1.0 - alpha) * (plate.astype(np.float32) / 255.0)
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


@functools.cache
def _linear_table(colour_name: str) -> np.ndarray:
    to_linear, _ = colour.transfer(colour_name)
    return to_linear(np.linspace(0.0, 1.0, kernel.LINEAR_STEPS + 1)).astype(np.float32)


@functools.cache
def _display_table(colour_name: str) -> np.ndarray:
    _, from_linear = colour.transfer(colour_name)
    halves = np.arange(kernel.HALF_ONE + 1, dtype=np.uint16).view(np.float16)
    return from_linear(halves.astype(np.float64)).astype(np.float32)
