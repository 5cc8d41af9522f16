"""Where the backend lives on this machine, from the add-on's preferences. No user interface."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import bpy

from .blender_types import preferences as preferences_of
from .client.process import BackendPlace
from .shared.setup.environment import EnvironmentPlan, backend_plan, read_stamp, requirements_digest

EXTENSION = __package__
"""Name of the extension's package, by which Blender keeps its preferences."""
EXTENSION_ROOT = Path(__file__).resolve().parent
MANUAL = EXTENSION_ROOT / "docs" / "tutorial.md"
"""The first page of the manual that comes with the extension."""
PYTHON_VARIABLE = "TALKER_BACKEND_PYTHON"
"""Render farms and tests name the backend's Python here; it goes before the preferences."""


class Preferences(Protocol):
    """What the add-on's preferences say of the backend; "" where nothing is chosen."""

    python: str
    """Python of the user's own environment."""
    models_dir: str
    """Folder with the model files."""


def addon_preferences(context: bpy.types.Context) -> Preferences | None:
    """This add-on's preferences; None while it is not enabled."""
    addon: Any = preferences_of(context).addons.get(EXTENSION)
    return addon.preferences if addon is not None else None


def user_folder(name: str) -> Path:
    """A folder of the extension's own in the user's Blender folder: never the add-on's own one. It may not exist."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, path=name))
    except ValueError:  # enabled as an add-on of the old kind, which has no such folder
        return Path(bpy.utils.user_resource("DATAFILES", path=f"m2dao_talker/{name}"))


def plan() -> EnvironmentPlan:
    """The environment that Install Backend makes."""
    return backend_plan(EXTENSION_ROOT, user_folder("backend") / "environment")


def models_dir(preferences: Preferences | None) -> Path | None:
    """Folder with model files that the user named."""
    return Path(bpy.path.abspath(preferences.models_dir)) if preferences and preferences.models_dir else None


def backend_python(preferences: Preferences | None) -> Path:
    """The backend's Python: from the environment variable, else the preferences, else the installed one."""
    named = os.environ.get(PYTHON_VARIABLE) or (preferences.python if preferences else "")
    return Path(bpy.path.abspath(named)) if named else plan().python


def place(preferences: Preferences | None) -> BackendPlace:
    """Where the backend lives, for the client."""
    environment = {}
    folder = models_dir(preferences)
    if folder is not None:
        environment["TALKER_MODELS_DIR"] = str(folder)
    return BackendPlace(backend_python(preferences), EXTENSION_ROOT, user_folder("state"), environment=environment)


def is_installed(python: Path, wanted: EnvironmentPlan) -> bool:
    """Whether there is a backend to start (its environment finished, or one of the user's own). Reads files."""
    return os.path.isfile(python) and (python != wanted.python or read_stamp(wanted) is not None)


def is_current(python: Path, wanted: EnvironmentPlan) -> bool:
    """Whether the installed backend is of this add-on's version, or one of the user's own. Reads files."""
    if python != wanted.python:
        return True
    return (read_stamp(wanted) or {}).get("requirements") == requirements_digest(wanted)


def backend_state(python: Path, wanted: EnvironmentPlan) -> str:
    """How the backend's environment stands, in a few words. Reads files."""
    if not is_installed(python, wanted):
        return "The backend is not installed: it needs 2 GB and a few minutes"
    if python != wanted.python:
        return f"Your own environment is used: {python}"
    if not is_current(python, wanted):
        return "The backend is from another version of this add-on: update it"
    return "The backend is installed"
