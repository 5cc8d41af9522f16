"""One drawn frame as files: passes of an EXR, a PNG, and the picture of the preview."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from backend.media import colour
from backend.media.exr import read_layers, write_layers
from backend.portrait.portrait import PortraitFrame
from shared import layout
from shared.camera import CENTIMETRE_M
from shared.errors import InputError

VISIBLE_ALPHA = 1.0 / 255.0
"""Pixels with less coverage have no depth."""
MATTE_TOLERANCE = 2e-3
"""Largest difference between the delivered mattes' sum and Combined.A: four roundings to half precision below one."""


def frame_passes(frame: PortraitFrame, colour_name: str) -> dict[str, np.ndarray]:
    """The passes of a multilayer EXR.

    frame: display-referred premultiplied, depth in cm; colour_name: its transfer curve. Returns Combined (H, W, 4)
    scene-linear premultiplied, Depth (H, W) in metres, and a matte (H, W) for each of layout.REGION_NAMES; the mattes
    are scaled to sum to alpha.
    """
    alpha = np.clip(np.asarray(frame.alpha, np.float32), 0.0, 1.0)
    alpha = np.where(alpha < VISIBLE_ALPHA, 0.0, alpha).astype(np.float32)
    linear = colour.premultiplied_to_linear(np.asarray(frame.rgb, np.float32), alpha, colour_name)
    mattes = np.clip(np.asarray(frame.mattes, np.float32), 0.0, 1.0)
    total = mattes.sum(axis=2)
    mattes = mattes * np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 1e-6)[..., None]
    depth = np.asarray(frame.depth, np.float32) * np.float32(CENTIMETRE_M)
    passes = {
        "Combined": np.concatenate([linear, alpha[..., None]], axis=2).astype(np.float32),
        "Depth": np.where(alpha > 0, depth, np.float32(layout.DEPTH_EMPTY)),
    }
    return passes | {name.capitalize(): mattes[..., i] for i, name in enumerate(layout.REGION_NAMES)}


def straight_rgba(frame: PortraitFrame) -> np.ndarray:
    """(H, W, 4) uint8, display-referred colour with straight alpha, as PNG has it."""
    alpha = np.clip(np.asarray(frame.alpha, np.float32), 0.0, 1.0)
    rgba = np.concatenate([colour.unpremultiply(np.asarray(frame.rgb, np.float32), alpha), alpha[..., None]], axis=2)
    return np.rint(rgba * 255.0).astype(np.uint8)


def over_plate(frame: PortraitFrame, plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the frame composited over the background plate (H, W, 3) uint8, in display space."""
    return to_bytes(frame.over(plate.astype(np.float32) / 255.0))


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Display-referred values in [0, 1] as uint8."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA uint8, through a temporary name. Raises InputError when it cannot be."""
    code = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    data = cv2.imencode(".png", cv2.cvtColor(picture, code), [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
    temporary = path.with_name(path.name + ".partial")
    try:
        temporary.write_bytes(data.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written ({error.strerror}).", "Check the free space.") from error


class FrameStore:
    """The frames of a render folder: writes them, and reads back for the preview those that an earlier run finished."""

    def __init__(self, folder: Path, layers: str, colour_name: str, attributes: Mapping[str, str]) -> None:
        """layers: exr, png, or mp4 (no frame files); colour_name: transfer curve of drawn frames."""
        self.folder, self.layers, self.colour_name, self.attributes = folder, layers, colour_name, attributes

    def path(self, number: int) -> Path | None:
        """File of frame `number` (from 1), None where frames are not stored."""
        name = {"exr": layout.EXR_NAME, "png": layout.PNG_NAME}.get(self.layers)
        return None if name is None else self.folder / name.format(frame=number)

    def has(self, number: int) -> bool:
        path = self.path(number)
        return path is not None and path.is_file()

    def write(self, number: int, frame: PortraitFrame) -> None:
        """Store a frame. Raises InputError when it cannot be written."""
        path = self.path(number)
        if path is None:
            return
        if self.layers == "exr":
            write_layers(path, frame_passes(frame, self.colour_name), self.attributes)
        else:
            write_png(path, straight_rgba(frame))

    def read_over(self, number: int, plate: np.ndarray) -> np.ndarray:
        """A stored frame composited over the plate, (H, W, 3) uint8. Raises InputError when it is damaged."""
        path = self.path(number)
        if self.layers == "exr":
            passes, _ = read_layers(path)
            rgba = passes["Combined"].astype(np.float32)
            _, from_linear = colour.transfer(self.colour_name)
            straight = from_linear(colour.unpremultiply(rgba[..., :3], rgba[..., 3]))
            alpha = rgba[..., 3:]
        else:
            stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if stored is None or stored.ndim != 3 or stored.shape[2] != 4:
                raise InputError(f"{path} is damaged.", "Delete it and render again.")
            rgba = cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255.0
            straight, alpha = rgba[..., :3], rgba[..., 3:]
        return to_bytes(straight * alpha + (1 - alpha) * (plate.astype(np.float32) / 255.0))
