"""What may be chosen of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from shared.checked import OneOf

SPACES = ("head", "camera", "world")
"""Frames of reference of exported Gaussians, all in metres: the head's with Y up, the camera's with Y down, and
Blender's world, in which the head stands still and Z is up (shared/camera.py)."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Of all kinds of files; each kind goes by those that concern it."""

    frames: str | None = None
    """Frames as "A:B", inclusive, of files that are numbered; None: all of the take."""
    deep: bool = False
    """Whether PNG files have 16 bits a channel in the place of 8."""
    space: Annotated[str, OneOf(SPACES)] = SPACES[0]
    """Frame of reference of Gaussians: one of SPACES."""
    subject: Path | None = None
    """Folder of the subject, for Gaussians; None: where the take says that it is."""
    audio: Path | None = None
    """The line's sound, for Gaussians; None: the take's own copy."""
    pose: Path | None = None
    """The file of poses that the line was rendered with, for Gaussians; None: the take's own poses."""
