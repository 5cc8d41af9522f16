"""The lines of a timeline and their takes: which are new, which have changed since they were rendered, which are ready.

What a line was rendered from is written beside its take when the render is asked for (`NAME.line.json`). It is compared
with what would be asked now, and files that were written since tell the rest: the sound, the model.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..bridge import audio, keys, paths, tagged
from ..bridge.strips import editor_of
from ..properties import TalkerSettings, settings_of
from ..shared import layout
from ..shared.timing import fps_text
from . import takes

_MANNER = ("pose_mode", "head_life", "face_life", "strength", "line_channel", "recipe", "model")
"""Settings that change what is rendered of every line."""


class State(Enum):
    """How a line's take stands."""

    NEW = "Not rendered yet"
    OUT_OF_DATE = "Changed since it was rendered"
    READY = "Rendered as it is now"


@dataclass(frozen=True)
class TakeFacts:
    """What the disk tells of a take."""

    folder: Path
    is_complete: bool
    rendered_at: float
    """When its manifest was written, seconds since 1970."""
    asked: dict | None
    """What it was rendered from; None: a take from before that was noted."""
    asked_at: float


def names(scene: bpy.types.Scene) -> list[str]:
    """Names of the sound strips that may be lines: those that are no take's own."""
    editor = scene.sequence_editor
    return [strip.name for strip in compat.all_strips(editor) if is_line(strip)] if editor else []


def is_line(strip: Any) -> bool:
    """Whether a strip may be a line of dialogue."""
    return strip.type == "SOUND" and strip.get(tagged.TAKE_KEY) is None


def id_of(scene: bpy.types.Scene, name: str) -> str:
    """The id of the line that a strip is."""
    return takes.line_id(audio.Line(scene.name, name, 0, 0, "STRIP"), Path())


def asked(scene: bpy.types.Scene, name: str) -> dict:
    """What a render of this strip depends on, but for the contents of files. Where it lies on the timeline is none of
    it: a take can be moved."""
    settings = settings_of(scene)
    strip = compat.all_strips(editor_of(scene))[name]
    start, end = compat.strip_range(strip)
    values: dict[str, Any] = {option: _plain(getattr(settings, option)) for option in _MANNER}
    return values | {
        "fps": fps_text(keys.scene_fps(scene)),
        "frames": end - start,
        "first": round(start - compat.strip_content_start(strip) + compat.strip_content_trim_start(strip), 3),
        "offset": round(getattr(strip, "sound_offset", 0.0), 4),
        "volume": round(strip.volume, 4),
        "is_retimed": compat.strip_is_retimed(strip),
        "sound": os.path.basename(strip.sound.filepath),
    }


def sound_path(scene: bpy.types.Scene, name: str) -> Path:
    """The file that a strip plays."""
    return Path(paths.absolute(compat.all_strips(editor_of(scene))[name].sound.filepath))


def model_path(settings: TalkerSettings) -> Path:
    """The file that is written when the scene's model is trained."""
    folder = layout.model_folder(Path(paths.absolute(settings.subject)), settings.model or settings.recipe)
    return folder / layout.MODEL_CONFIG_FILE


def read_takes(output: Path) -> dict[str, TakeFacts]:
    """The takes in a folder by their lines' ids. Reads files."""
    found = {}
    for folder in sorted(output.iterdir()) if output.is_dir() else ():
        try:
            manifest_path = folder / layout.MANIFEST_FILE
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            asked_path = folder.with_name(asked_name(folder))
            known, at = (None, 0.0)
            if asked_path.is_file():
                known, at = json.loads(asked_path.read_text(encoding="utf-8")), asked_path.stat().st_mtime
            facts = TakeFacts(folder, manifest.get("complete") is True, manifest_path.stat().st_mtime, known, at)
            found[str(manifest.get("take_id"))] = facts
        except (OSError, ValueError, AttributeError):  # no take, or one that somebody else is to name
            continue
    return found


def asked_name(take: Path) -> str:
    """Name of the file beside a take that says what it was rendered from."""
    return f"{take.name}.line.json"


def state(facts: TakeFacts | None, asked_now: dict, *written_at: float | None) -> State:
    """How a line stands. written_at: when the files that it is made of were written; None where there is none."""
    if facts is None:
        return State.NEW
    later = any(at is not None and at > facts.rendered_at for at in written_at)
    differs = facts.asked is not None and facts.asked != asked_now
    broken_off = not facts.is_complete or facts.asked_at > facts.rendered_at
    return State.OUT_OF_DATE if later or differs or broken_off else State.READY


def to_render(scene: bpy.types.Scene, also_new: bool = False) -> list[str]:
    """Names of the lines that have a take that is out of date, and of those that have none if `also_new`, in the order
    of their frames. Reads files."""
    wanted = (State.OUT_OF_DATE, State.NEW) if also_new else (State.OUT_OF_DATE,)
    settings = settings_of(scene)
    known = read_takes(Path(paths.absolute(settings.output)))
    model = _written_at(model_path(settings))
    found = []
    for name in names(scene):
        facts = known.get(id_of(scene, name))
        if state(facts, asked(scene, name), _written_at(sound_path(scene, name)), model) in wanted:
            found.append(name)
    editor = scene.sequence_editor
    return sorted(found, key=lambda name: compat.strip_range(compat.all_strips(editor)[name])[0]) if editor else []


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _plain(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
