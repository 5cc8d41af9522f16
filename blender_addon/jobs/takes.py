"""Which folder a line is rendered into: a line is known by its id; a folder's name is there to be read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import bpy

from .. import compat
from ..bridge import audio
from ..bridge.audio import Line
from ..properties import settings_of
from ..shared import layout
from ..shared.take_ids import is_id

_SOUND_ENDING = re.compile(r"\.(aac|aif|aiff|flac|m4a|mov|mp3|mp4|oga|ogg|opus|wav)(?=(\.\d{3,})?$)", re.IGNORECASE)
"""Of "line.wav", and of "line.wav.001", the second strip of that name."""
_MARK_DIGITS = 6


def line_id(line: Line, output: Path) -> str:
    """What tells a line from every other that is rendered into `output`: a strip's scene and exact name, the scene of a
    range, a sound file's path as seen from there."""
    if line.file is None:
        return "/".join(("scene", line.scene, line.source.lower(), line.name))
    try:
        seen = os.path.relpath(line.file, output)
    except ValueError:  # another drive
        seen = str(line.file)
    return "/".join(("file", Path(seen).as_posix()))


def id_of_chosen(scene: bpy.types.Scene) -> str:
    """The id of the line that a scene's settings name, without asking the disk; "" where they name none."""
    settings = settings_of(scene)
    if settings.output.startswith("//") and not bpy.data.is_saved:
        return ""
    named = audio.named(scene)
    return line_id(named, Path(bpy.path.abspath(settings.output))) if named is not None else ""


def folder(line: Line, output: Path, scene: bpy.types.Scene) -> Path:
    """The folder of a line's take: called as the line is, and where another line's take is called so, with a mark."""
    name = take_name(line.name)
    own = output / name
    marked = output / f"{name}-{hashlib.sha256(line_id(line, output).encode()).hexdigest()[:_MARK_DIGITS]}"
    if marked.is_dir():
        return marked
    is_take, held = _id_in(own)
    if not is_take or is_id(held, line_id(line, output)):
        return own
    # A take from before there were ids is this line's, unless other lines are called alike.
    return own if held is None and not _others_are_called(name, line, scene) else marked


def take_name(line_name: str) -> str:
    """A line's name as its folder's: without the ending that Blender gives to strips of sound files."""
    return folder_name(_SOUND_ENDING.sub("", line_name))


def folder_name(line_name: str) -> str:
    """A line's name as a folder's, on every system."""
    return re.sub(r"[^\w.-]+", "_", line_name).strip("._") or "line"


def _id_in(take: Path) -> tuple[bool, str | None]:
    """Whether a folder holds a take, and its id; None for one from before there were ids."""
    try:
        values = json.loads((take / layout.MANIFEST_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False, None
    except (OSError, ValueError, RecursionError):
        return True, None
    held = values.get("take_id") if isinstance(values, dict) else None
    return True, held if isinstance(held, str) else None


def _others_are_called(name: str, line: Line, scene: bpy.types.Scene) -> bool:
    """Whether other sound strips of the scene have the same name as a folder's."""
    strips = compat.all_strips(scene.sequence_editor) if scene.sequence_editor else {}
    return any(
        strip.type == "SOUND" and take_name(strip.name) == name and (line.source != "STRIP" or strip.name != line.name)
        for strip in strips.values()
    )
