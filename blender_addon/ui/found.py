"""What the panel knows of the subject and the take on disk.

Drawing calls this at every redraw, so it looks once a second at most, and reads a take, whose camera is a long file,
only when its files have changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import bpy

from ..bridge import curves
from ..shared import layout
from ..shared.timing import parse_fps
from ..shared.training import TrainingState, read_training

LOOK_AGAIN_S = 1.0
Known = TypeVar("Known")


@dataclass(frozen=True)
class SubjectFound:
    """A subject folder in the panel's words."""

    source: str
    frames: int
    fps: str
    warnings: tuple[str, ...]
    models: tuple[str, ...]
    """Names of finished models."""
    trainings: dict[str, TrainingState]
    """By model, finished or not: how far its training has come."""
    contact_sheet: str
    """Path, or ""."""


@dataclass(frozen=True)
class TakeFound:
    """A rendered line in the panel's words."""

    frames: int
    fps: str
    preview: str
    contact_sheet: str


_seen: dict[tuple[str, str], tuple[tuple, object, object]] = {}
"""(kind, path) to ((when looked, the job then), file times, what was found)."""


def subject(path: str) -> SubjectFound | None:
    """The subject folder at a path of the settings; None while there is none, or none that can be read."""
    return _look("subject", path, (), _read_subject)


def take(path: str) -> TakeFound | None:
    """Likewise, of a rendered line."""
    return _look("take", path, (layout.CAMERA_FILE, layout.PREVIEW_FILE), _read_take)


def step_icon(name: str, scene: bpy.types.Scene) -> str:
    """A tick at the steps that are done."""
    return "CHECKMARK" if _is_done(name, scene.talker) else "DOT"


def _is_done(step: str, settings) -> bool:
    if step == "line":
        return take(settings.take) is not None
    if step == "bring_back":
        return bool(settings.take) and curves.find_controller(Path(bpy.path.abspath(settings.take))) is not None
    known = subject(settings.subject)
    return known is not None and (step == "footage" or bool(known.models))


def forget() -> None:
    """Look at everything anew."""
    _seen.clear()


def _look(kind: str, text: str, names: tuple[str, ...], read: Callable[[Path], Known]) -> Known | None:
    """What `read` finds, again where one of the files `names` has changed (none named: each time)."""
    if not text or (text.startswith("//") and not bpy.data.is_saved):
        return None
    path = bpy.path.abspath(text)
    job = bpy.context.window_manager.talker_job
    now, job_now = time.monotonic(), (job.job_id, job.state)
    (looked, job_then), times, known = _seen.get((kind, path), ((float("-inf"), None), None, None))
    if now - looked < LOOK_AGAIN_S and job_now == job_then:  # a job that has just ended has left something
        return known
    folder = Path(path)
    times_now = tuple(_changed(folder / name) for name in names)
    if not names or times_now != times:
        try:
            known = read(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, not finished, or no such folder
            known = None
    _seen[kind, path] = (now, job_now), times_now, known
    return known


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _read_subject(folder: Path) -> SubjectFound:
    info = json.loads((folder / layout.SUBJECT_FILE).read_text(encoding="utf-8"))
    models = folder / layout.MODELS_FOLDER
    folders = sorted(models.iterdir()) if models.is_dir() else []
    states = {folder.name: read_training(folder / layout.CHECKPOINT_FILE) for folder in folders}
    return SubjectFound(
        source=str(info["source"]),
        frames=int(info["frame_count"]),
        fps=_fps_words(info["fps"]),
        warnings=tuple(str(w) for w in (info.get("quality") or {}).get("warnings") or ()),
        models=tuple(m.name for m in folders if (m / layout.MODEL_CONFIG_FILE).is_file()),
        trainings={name: state for name, state in states.items() if state is not None},
        contact_sheet=_existing(folder / layout.CONTACT_SHEET_FILE),
    )


def _read_take(folder: Path) -> TakeFound:
    camera = json.loads((folder / layout.CAMERA_FILE).read_text(encoding="utf-8"))
    return TakeFound(
        frames=len(camera["camera_to_world"]),
        fps=_fps_words(camera["fps"]),
        preview=_existing(folder / layout.PREVIEW_FILE),
        contact_sheet=_existing(folder / layout.CONTACT_SHEET_FILE),
    )


def _fps_words(text: str) -> str:
    return f"{float(parse_fps(text)):.5g} fps"


def _existing(path: Path) -> str:
    return str(path) if path.is_file() else ""
