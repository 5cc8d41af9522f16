"""The backend as an artist may want to know it: where it is, what it computes on, what it takes of the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import backend_place
from ..jobs import about, removing
from ..operators.about import newest_log
from ..operators.removal import BACKEND, PERSON
from ..properties import TalkerSettings
from ..shared.folders import folder_bytes
from ..shared.places import cache_folder
from ..shared.setup.environment import EnvironmentPlan, read_stamp
from ..shared.version import VERSION
from . import folders, reasons, scanning, wrapped_text

MEASURE_AGAIN_S = 60.0
"""Folders are measured this often at most: the environment has tens of thousands of files."""
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class _Seen:
    device: str
    has_log: bool


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, settings: TalkerSettings | None = None) -> None:
    """Its facts and buttons; with a scene's settings also what the scene's subject and lines take of the disk."""
    place, plan = backend_place.place(backend_place.addon_preferences(context)), backend_place.plan()
    seen = scanning.known(("backend box", str(place.state_dir)), lambda: _look(place.log_file.parent, plan))
    found = folders.backend(context)
    is_ours = place.python == plan.python
    column = layout.column(align=True)
    device = about.device(about.machine(), None) or (seen.device if seen else "")
    _fact(column, "Version", VERSION)
    _fact(column, "Device", device or "not known until Check")
    _fact(column, "Place", str(plan.folder if is_ours else place.python))
    own = plan.folder if is_ours else None
    sizes: list[tuple[str, Path | None]] = [("Backend", own), ("Model Files", cache_folder() / "models")]
    if settings is not None:
        sizes += [("Subject", folders.absolute(settings.subject)), ("Lines", folders.absolute(settings.output))]
    for name, folder in sizes:
        if folder is not None:
            _fact(column, name, _size(folder))
    for problem in (about.machine() or {}).get("problems", ()):
        wrapped_text.draw(column, problem, "ERROR")
    row = layout.row(align=True)
    row.enabled = not reasons.backend(context)
    row.operator("talker.look_over", icon="VIEWZOOM")
    row = layout.row(align=True)
    log = row.row(align=True)
    log.enabled = bool(seen and seen.has_log)
    log.operator("talker.open_log", icon="TEXT")
    row.operator("talker.copy_debug_info", icon="COPYDOWN")
    row = layout.row(align=True)
    row.operator("talker.open_manual", icon="HELP")
    remove = row.row(align=True)
    remove.enabled = is_ours and found is not None and found.is_installed and not removing.running()
    remove.operator("talker.remove_backend", text=_removal_text(BACKEND), icon="TRASH")
    if settings is not None:
        forget = layout.row()
        forget.enabled = folders.subject(settings.subject) is not None and not reasons.backend(context)
        forget.operator("talker.forget_person", text=_removal_text(PERSON), icon="TRASH")


def draw_closed(layout: bpy.types.UILayout, context: bpy.types.Context, settings: TalkerSettings) -> None:
    """The same, closed until somebody opens it."""
    header, body = layout.panel("talker_backend", default_closed=True)
    header.label(text="Backend", icon="PREFERENCES")
    if body is not None:
        draw(body, context, settings)


def in_words(size_bytes: float) -> str:
    """A size of files: 2.1 GB, 340 MB."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            value = size_bytes / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return "nothing" if not size_bytes else "less than 1 kB"


def _look(logs: Path, plan: EnvironmentPlan) -> _Seen:
    """Reads files: for a thread."""
    return _Seen(about.device(None, read_stamp(plan)), newest_log(logs, plan.log_file) is not None)


def _size(folder: Path) -> str:
    measured = scanning.known(("size", str(folder)), lambda: folder_bytes(folder), MEASURE_AGAIN_S)
    return "…" if measured is None else in_words(measured)


def _removal_text(what: str) -> str | None:
    """The text of a button that removes, while it is doing so; None: its own."""
    return "Removing…" if removing.running() == what else None


def _fact(layout: bpy.types.UILayout, name: str, value: str) -> None:
    wrapped_text.draw(layout, f"{name}: {value}", "BLANK1")
