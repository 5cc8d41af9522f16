"""Who speaks a line: the strip's own speaker where one is chosen, else the scene's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from .. import compat
from ..properties import settings_of


@dataclass(frozen=True)
class Speaker:
    """Who speaks a line, in the words of the settings."""

    subject: str
    """Folder, by a path that may begin with "//"."""
    model: str
    """Name of the trained model."""
    channel: str
    """BOTH, LEFT or RIGHT (properties.LINE_CHANNELS)."""
    is_own: bool
    """Whether the line has a speaker of its own."""


def speaker_of(scene: bpy.types.Scene, strip_name: str | None) -> Speaker:
    """Of the line that a strip is; None, or a strip that is not there: the scene's."""
    settings = settings_of(scene)
    model = settings.model or settings.recipe
    editor = scene.sequence_editor
    strip = compat.all_strips(editor).get(strip_name) if editor and strip_name else None
    if strip is None:
        return Speaker(settings.subject, model, settings.line_channel, is_own=False)
    own: Any = strip.talker
    channel = settings.line_channel if own.channel == "SCENE" else own.channel
    if not own.subject:
        return Speaker(settings.subject, own.model or model, channel, is_own=False)
    return Speaker(own.subject, own.model or settings.recipe, channel, is_own=True)
