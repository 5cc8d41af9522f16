"""What is to be known of this add-on and its backend when somebody asks for help: a text without names and media."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Any

import bpy

from .. import backend_place, compat
from ..properties import TalkerSettings, job_of, settings_of
from ..shared.setup.environment import read_stamp
from ..shared.version import VERSION
from . import connection, shown

_TOLD = ("BOOLEAN", "ENUM", "FLOAT", "INT")
"""Kinds of settings that name nobody and nothing."""
_PATHS = re.compile(r"(?:[A-Za-z]:[\\/]|//|/)[^\s'\"]+")
_LEFT_OUT = "…"


class _Machine:
    report: dict[str, Any] | None = None
    """What the backend found of this machine, when it was asked last."""


def machine() -> dict[str, Any] | None:
    """What the backend found of this machine (backend.command.doctor); None before it was asked."""
    return _Machine.report


def keep_machine(report: dict[str, Any]) -> None:
    """Keep what it found."""
    _Machine.report = report


def device(report: dict[str, Any] | None, stamp: dict[str, Any] | None) -> str:
    """What the backend computes on: as it found, else as its environment was made for; "" where nobody knows."""
    torch = (report or {}).get("torch") or {}
    if torch.get("device"):
        return str(torch["device"])
    return {"cuda": "NVIDIA GPU", "cpu": "CPU"}.get((stamp or {}).get("torch", ""), "")


def debug_info(context: bpy.types.Context) -> str:
    """Versions, device, settings and the last error. Reads a small file."""
    settings, job = settings_of(compat.sequencer_scene(context)), job_of(context)
    plan = backend_place.plan()
    stamp = read_stamp(plan)
    own = backend_place.backend_python(backend_place.addon_preferences(context)) != plan.python
    lines = [
        f"M2DAO Talker {VERSION}",
        f"Blender {bpy.app.version_string} ({bpy.app.build_platform.decode(errors='replace')}),"
        f" Python {platform.python_version()}",
        f"System {platform.platform()}, {platform.machine()}",
        f"Backend {connection.backend_word() or 'not started'}, environment {_environment(stamp, own)}",
        f"Device {device(machine(), stamp) or 'unknown'}",
        *(f"Problem: {without_names(text, settings)}" for text in (machine() or {}).get("problems", ())),
        f"Job {job.verb or 'none'} {job.state} {job.phase} {job.step}/{job.total}",
    ]
    trouble = shown.error(context)
    if trouble is not None:
        lines.append(f"Error: {without_names(' '.join(trouble), settings)}")
    lines.append("Settings: " + ", ".join(f"{name}={value}" for name, value in _told(settings)))
    return "\n".join(lines) + "\n"


def without_names(text: str, settings: TalkerSettings) -> str:
    """A sentence without paths, file names and what else the settings and the timeline call by name."""
    for name in sorted(_names(settings), key=len, reverse=True):
        text = text.replace(name, _LEFT_OUT)
    return _PATHS.sub(_LEFT_OUT, text)


def _names(settings: TalkerSettings) -> set[str]:
    """All that an artist has named: paths of the settings and their parts, strips, the file, the user."""
    texts = {getattr(settings, p.identifier) for p in settings.bl_rna.properties if p.type == "STRING"}
    texts |= {bpy.data.filepath, str(Path.home()), Path.home().name}
    found = set(texts)
    for text in texts:
        path = Path(bpy.path.abspath(text)) if text else None
        if path is not None:
            found |= {str(path), path.name, path.stem}
    scene: Any = settings.id_data
    editor = scene.sequence_editor
    found |= {strip.name for strip in compat.all_strips(editor)} if editor else set()
    usual = {"m2dao", "talkinggaussian", "line", "subject", "lines", "talker"}
    return {name for name in found if len(name) > 2 and name not in usual}


def _environment(stamp: dict[str, Any] | None, own: bool) -> str:
    if own:
        return "of the user's own"
    return f"Python {stamp.get('python')}, torch for {stamp.get('torch')}" if stamp else "not installed"


def _told(settings: TalkerSettings) -> list[tuple[str, object]]:
    """Settings that were changed, but for texts and paths."""
    found = []
    for described in settings.bl_rna.properties:
        value = getattr(settings, described.identifier)
        if described.type in _TOLD and value != getattr(described, "default", None):
            found.append((described.identifier, round(value, 3) if isinstance(value, float) else value))
    return found
