"""What the panel shows of the subject, the take and the backend's environment on disk. Drawing never reads a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import bpy

from .. import backend_place
from ..blender_types import Icon
from ..bridge import curves
from ..jobs import takes
from ..properties import settings_of
from ..shared import layout
from ..shared.consent import read_consent, refusal
from ..shared.errors import InputError
from ..shared.take_ids import is_id
from ..shared.timing import parse_fps
from ..shared.training import TrainingState, newest_training
from . import chosen, scanning, scores

T = TypeVar("T")


@dataclass(frozen=True)
class ScannedSubject:
    """A subject folder in the panel's words."""

    source: str
    frames: int
    fps: str
    warnings: tuple[str, ...]
    chosen: tuple[str, ...]
    """What was taken of the footage, and how."""
    models: tuple[str, ...]
    """Names of finished models."""
    trainings: dict[str, TrainingState]
    """By model, finished or not: how far its training has come."""
    contact_sheet: str
    """Path, or ""."""
    pictures: dict[str, str]
    """By model: path of what it drew last beside what was recorded."""
    scores: dict[str, str]
    """By model that was scored, in words."""
    consent: str
    """What the person shown has agreed to."""
    refused: str
    """Why nothing may be rendered of this person, or ""."""


@dataclass(frozen=True)
class ScannedTake:
    """A rendered line in the panel's words."""

    frames: int
    fps: str
    preview: str
    contact_sheet: str
    line_id: str
    """Of the line that it is of; "" where it does not say."""


@dataclass(frozen=True)
class ScannedBackend:
    """How the backend's environment stands."""

    is_installed: bool
    words: str
    is_current: bool = True
    """Whether it is of this add-on's version."""


_takes: dict[Path, tuple[tuple[int, ...], ScannedTake]] = {}
"""A take's folder to its files' times when it was read, and what was read."""


def subject(path: str) -> ScannedSubject | None:
    """The subject folder at a path of the settings; None while there is none, or none that can be read."""
    return _scan("subject", path, _read_subject)


def take(path: str) -> ScannedTake | None:
    """The rendered line at a path of the settings; None while there is none, or none that can be read."""
    return _scan("take", path, _read_take)


def backend(context: bpy.types.Context) -> ScannedBackend | None:
    """How the backend's environment stands; None while that is not known yet."""
    python = backend_place.backend_python(backend_place.addon_preferences(context))
    plan = backend_place.plan()

    def read() -> ScannedBackend:
        installed, words = backend_place.is_installed(python, plan), backend_place.backend_state(python, plan)
        return ScannedBackend(installed, words, installed and backend_place.is_current(python, plan))

    return scanning.known(("backend", str(python), str(plan.folder)), read)


def is_missing(text: str) -> bool:
    """Whether it is known that a path of the settings leads to no file."""
    path = absolute(text)
    return path is not None and scanning.known(("file", str(path)), path.is_file) is False


def is_of_line(take: ScannedTake, scene: bpy.types.Scene) -> bool:
    """Whether a take is of the line that the scene's settings name; also where nobody can say."""
    wanted = takes.id_of_chosen(scene)
    return not take.line_id or not wanted or is_id(take.line_id, wanted)


def picture_changed_at(path: str) -> int | None:
    """When a picture was written last, ns; None while it is not there."""
    return scanning.known(("picture", path), lambda: Path(path).stat().st_mtime_ns) if path else None


def step_icon(name: str, scene: bpy.types.Scene) -> Icon:
    """A tick at the steps that are done."""
    return "CHECKMARK" if _is_done(name, scene) else "DOT"


def forget() -> None:
    """Read everything anew."""
    scanning.forget()
    _takes.clear()


def _is_done(step: str, scene: bpy.types.Scene) -> bool:
    settings = settings_of(scene)
    if step in ("line", "bring_back"):
        found = take(settings.take)
        if found is None or not is_of_line(found, scene):
            return False
        return step == "line" or curves.find_controller(Path(bpy.path.abspath(settings.take))) is not None
    known = subject(settings.subject)
    return known is not None and (step == "footage" or bool(known.models))


def absolute(text: str) -> Path | None:
    """A folder of the settings; None where it lies beside a file that has no place yet, or is not named."""
    if not text or (text.startswith("//") and not bpy.data.is_saved):
        return None
    return Path(bpy.path.abspath(text))


def _scan(kind: str, text: str, read: Callable[[Path], T]) -> T | None:
    folder = absolute(text)
    return None if folder is None else scanning.known((kind, str(folder)), lambda: read(folder))


def _read_subject(folder: Path) -> ScannedSubject:
    info = json.loads((folder / layout.SUBJECT_FILE).read_text(encoding="utf-8"))
    models = folder / layout.MODELS_FOLDER
    folders = sorted(models.iterdir()) if models.is_dir() else []
    states = {folder.name: newest_training(folder) for folder in folders}
    return ScannedSubject(
        source=str(info["source"]),
        frames=int(info["frame_count"]),
        fps=_fps_words(info["fps"]),
        warnings=tuple(str(w) for w in (info.get("quality") or {}).get("warnings") or ()),
        chosen=chosen.in_words(info),
        models=tuple(m.name for m in folders if (m / layout.MODEL_CONFIG_FILE).is_file()),
        trainings={name: state for name, state in states.items() if state is not None},
        contact_sheet=_existing(folder / layout.CONTACT_SHEET_FILE),
        pictures={m.name: _existing(m / layout.MODEL_PREVIEW_FILE) for m in folders},
        scores={m.name: words for m in folders if (words := scores.in_words(m))},
        **_consent(folder, info),
    )


def _consent(folder: Path, info: dict) -> dict[str, str]:
    """What a subject's folder says of the consent, in the panel's words."""
    note = info.get("consent")
    try:
        consent = read_consent(folder, note if isinstance(note, str) else "")
    except InputError as error:
        return {"consent": "cannot be read", "refused": str(error)}
    refused = refusal(consent, date.today())
    return {"consent": consent.words(), "refused": refused.what if refused else ""}


def _read_take(folder: Path) -> ScannedTake:
    files = (folder / layout.CAMERA_FILE, folder / layout.MANIFEST_FILE, folder / layout.PREVIEW_FILE)
    times = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    times_read, known = _takes.get(folder, ((), None))
    if known is not None and times == times_read:
        return known
    count, fps, line_id = _length(folder)
    known = ScannedTake(
        frames=count,
        fps=_fps_words(fps),
        preview=_existing(folder / layout.PREVIEW_FILE),
        contact_sheet=_existing(folder / layout.CONTACT_SHEET_FILE),
        line_id=line_id,
    )
    _takes[folder] = times, known
    return known


def _length(folder: Path) -> tuple[int, str, str]:
    """(frames of the line, frames a second as text, the line's id or ""), by the manifest.

    By the camera only where that does not say: parsing a long one holds Python, and with it the window, for too long.
    """
    (folder / layout.CAMERA_FILE).stat()  # without it, it is no take
    try:
        manifest = json.loads((folder / layout.MANIFEST_FILE).read_text(encoding="utf-8"))
        frames, line_id = manifest["frames"], manifest.get("take_id")
        return int(frames["count"]), str(frames["fps"]), line_id if isinstance(line_id, str) else ""
    except (FileNotFoundError, KeyError, TypeError):
        camera = json.loads((folder / layout.CAMERA_FILE).read_text(encoding="utf-8"))
        return len(camera["camera_to_world"]), str(camera["fps"]), ""


def _fps_words(text: str) -> str:
    return f"{float(parse_fps(text)):.5g} fps"


def _existing(path: Path) -> str:
    return str(path) if path.is_file() else ""
