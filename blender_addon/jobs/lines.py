"""The lines of a timeline and their takes: which are new, which have changed since they were rendered, which are ready.

What a line was rendered from is written beside its take when the render is asked for (`NAME.line.json`). It is compared
with what would be asked now, and files that were written since tell the rest: the sound, the model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..bridge import audio, curves, direction, dubbing, keys, paths, tagged
from ..bridge.speakers import Speaker, speaker_of
from ..bridge.strips import editor_of
from ..properties import TalkerSettings, settings_of
from ..shared import layout
from ..shared.errors import InputError
from ..shared.take_ids import is_id, public_id
from ..shared.timing import fps_text
from . import digests, takes

_MANNER = ("pose_mode", "head_life", "face_life", "strength", "recipe")
"""Settings that change what is rendered of every line."""
_BEFORE = {"direction": "", "base": "", "poses": ""}
"""What takes do not tell that were asked for before there was such a thing."""


class State(Enum):
    """How a line's take stands."""

    NEW = "Not rendered yet"
    OUT_OF_DATE = "Changed since it was rendered"
    RENDERING = "Being rendered"
    MOVED = "Rendered, and moved since it was brought back"
    READY = "Rendered as it is now"
    MUTED = "Muted: left out"


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
    it, unless the head follows an object or it dubs: a take can be moved."""
    settings = settings_of(scene)
    strip = compat.all_strips(editor_of(scene))[name]
    start, end = landing(scene, name)
    speaker = speaker_of(scene, name)
    values: dict[str, Any] = {option: _plain(getattr(settings, option)) for option in _MANNER}
    values |= dubbing.told(scene, start)
    return values | {
        "line_channel": speaker.channel,
        "model": speaker.model,
        "subject": _seen_from_output(settings, speaker.subject),
        "fps": fps_text(keys.scene_fps(scene)),
        "frames": end - start,
        "first": round(start - compat.strip_content_start(strip) + compat.strip_content_trim_start(strip), 3),
        "offset": round(getattr(strip, "sound_offset", 0.0), 4),
        "volume": round(strip.volume, 4),
        "is_retimed": compat.strip_is_retimed(strip),
        "sound": os.path.basename(strip.sound.filepath),
        "direction": digests.of_direction(direction.find(id_of(scene, name))) if settings.use_direction else "",
        "base": digests.of_base(_controller(scene, name)) if settings.use_performance else "",
        "poses": _poses(scene, settings, start),
    }


def landing(scene: bpy.types.Scene, name: str) -> tuple[int, int]:
    """First frame of a line and the frame after its last, as heard through the meta strips that it is in; all of the
    strip's where nothing is."""
    strip = compat.all_strips(editor_of(scene))[name]
    try:
        return audio.shown_range(scene, strip)
    except InputError:
        return compat.strip_range(strip)


def _seen_from_output(settings: TalkerSettings, subject: str) -> str:
    """A subject's folder as seen from the takes': the same when a project is moved."""
    try:
        return Path(os.path.relpath(paths.absolute(subject), paths.absolute(settings.output))).as_posix()
    except ValueError:  # another drive
        return subject


def _poses(scene: bpy.types.Scene, settings: TalkerSettings, start: int) -> str:
    if settings.pose_mode == "FILE":
        return settings.pose_file
    if settings.pose_mode != "OBJECT":
        return ""
    return f"{start}:{digests.of_motion(settings.pose_object, scene.camera)}"


def _controller(scene: bpy.types.Scene, name: str) -> bpy.types.Object | None:
    """The base curves of a line's take that was brought back, without asking the disk."""
    wanted = id_of(scene, name)
    controllers = (item for item in bpy.data.objects if item.get(tagged.ROLE_KEY) == "performance")
    return next((item for item in controllers if is_id(item.get(tagged.ID_KEY), wanted)), None)


def is_moved(scene: bpy.types.Scene, name: str) -> bool:
    """Whether a line's take lies elsewhere in the scene than the line does."""
    controller = _controller(scene, name)
    return controller is not None and controller[curves.START_KEY] != landing(scene, name)[0]


def sound_path(scene: bpy.types.Scene, name: str) -> Path:
    """The file that a strip plays."""
    return Path(paths.absolute(compat.all_strips(editor_of(scene))[name].sound.filepath))


def model_path(speaker: Speaker) -> Path:
    """The file that is written when a speaker's model is trained."""
    return layout.model_folder(Path(paths.absolute(speaker.subject)), speaker.model) / layout.MODEL_CONFIG_FILE


def read_takes(output: Path) -> dict[str, TakeFacts]:
    """The takes in a folder by their lines' ids, as manifests have them now. Reads files."""
    found = {}
    for folder in sorted(output.iterdir()) if output.is_dir() else ():
        try:
            manifest_path = folder / layout.MANIFEST_FILE
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            asked_path = layout.beside(folder, layout.BESIDE_ASKED)
            known, at = (None, 0.0)
            if asked_path.is_file():
                known, at = json.loads(asked_path.read_text(encoding="utf-8")), asked_path.stat().st_mtime
            facts = TakeFacts(folder, manifest.get("complete") is True, manifest_path.stat().st_mtime, known, at)
            found[public_id(str(manifest.get("take_id")))] = facts
        except (OSError, ValueError, AttributeError):  # no take, or one that somebody else is to name
            continue
    return found


def written_files(scene: bpy.types.Scene, name: str) -> list[Path]:
    """The files that a line is made of: what is written later puts its take out of date."""
    settings = settings_of(scene)
    poses = [Path(paths.absolute(settings.pose_file))] if settings.pose_mode == "FILE" and settings.pose_file else []
    return [sound_path(scene, name), model_path(speaker_of(scene, name)), *poses]


def state(
    scene: bpy.types.Scene, name: str, facts: TakeFacts | None, written_at: Iterable[float | None], rendering: str = ""
) -> State:
    """How a line stands. written_at: when the files that it is made of were written, None where there is none;
    rendering: id of the line that is being rendered."""
    if rendering and is_id(rendering, id_of(scene, name)):
        return State.RENDERING
    if compat.all_strips(editor_of(scene))[name].mute:
        return State.MUTED
    if facts is None:
        return State.NEW
    later = any(at is not None and at > facts.rendered_at for at in written_at)
    broken_off = not facts.is_complete or facts.asked_at > facts.rendered_at
    if later or broken_off or _differs(facts.asked, asked(scene, name)):
        return State.OUT_OF_DATE
    return State.MOVED if is_moved(scene, name) else State.READY


def _differs(known: dict | None, now: dict) -> bool:
    if known is None:
        return False
    told = _BEFORE | known
    return any(told[what] != value for what, value in now.items() if what in told)


def states(scene: bpy.types.Scene) -> dict[str, State]:
    """How every line stands, by name, in the order of their frames. Reads files."""
    known = read_takes(Path(paths.absolute(settings_of(scene).output)))
    found = {
        name: state(scene, name, known.get(public_id(id_of(scene, name))), map(_written_at, written_files(scene, name)))
        for name in names(scene)
    }
    return dict(sorted(found.items(), key=lambda item: landing(scene, item[0])))


def to_render(scene: bpy.types.Scene, also_new: bool = False) -> list[str]:
    """Names of the lines that have a take that is out of date, or also of those that have none, in the order of their
    frames. Reads files."""
    wanted = {State.OUT_OF_DATE, State.NEW} if also_new else {State.OUT_OF_DATE}
    return [name for name, held in states(scene).items() if held in wanted]


def moved(scene: bpy.types.Scene) -> dict[str, Path]:
    """The lines that were moved since their takes were brought back: their takes' folders, by name. Reads files."""
    known = read_takes(Path(paths.absolute(settings_of(scene).output)))
    lying = [name for name, held in states(scene).items() if held is State.MOVED]
    return {name: known[public_id(id_of(scene, name))].folder for name in lying}


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _plain(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
