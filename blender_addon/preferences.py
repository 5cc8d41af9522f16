"""The add-on's preferences: where the backend lives, and the button that installs it."""

import os
from pathlib import Path

import bpy
from bpy.props import StringProperty

from . import screen
from .client.process import BackendPlace
from .operators import install_backend
from .shared.setup.environment import EnvironmentPlan, backend_plan, read_stamp, requirements_digest

EXTENSION_ROOT = Path(__file__).resolve().parent
PYTHON_VARIABLE = "TALKER_BACKEND_PYTHON"
"""Render farms and tests name the backend's Python here; it goes before the preferences."""


class TalkerPreferences(bpy.types.AddonPreferences):
    """Preferences > Add-ons > M2DAO Talker."""

    bl_idname = __package__

    python: StringProperty(
        name="Own Environment",
        description="Python of an environment that already holds the backend's packages; empty for the installed one",
        subtype="FILE_PATH",
    )
    models_dir: StringProperty(
        name="Model Files",
        description="Folder with the model files, for machines without a network; empty to fetch them",
        subtype="DIR_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        draw_state(layout, context)
        layout.prop(self, "python")
        layout.prop(self, "models_dir")


def draw_state(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How the installation stands, with the button that goes with it. For the panel too."""
    running = install_backend.running()
    column = layout.column(align=True)
    if running is not None:
        begun, total = running.packages
        if total:
            column.progress(factor=begun / total, type="BAR", text=f"{begun} of {total} packages")
        screen.wrapped(column, running.last_line, "IMPORT")
        column.operator("talker.cancel_install", icon="CANCEL")
        return
    screen.wrapped(column, backend_state(context), "CHECKMARK" if is_installed(context) else "INFO")
    text = "Update Backend" if is_installed(context) else "Install Backend"
    column.operator("talker.install_backend", text=text, icon="IMPORT")
    if install_backend.last_error():
        screen.wrapped(column, install_backend.last_error(), "INFO" if install_backend.was_cancelled() else "ERROR")


def addon_preferences(context: bpy.types.Context) -> TalkerPreferences | None:
    """This add-on's preferences; None while it is not enabled."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def user_folder(name: str) -> Path:
    """A folder of the extension's own in the user's Blender folder: never the add-on's own one."""
    try:
        return Path(bpy.utils.extension_path_user(__package__, path=name, create=True))
    except ValueError:  # enabled as an add-on of the old kind, which has no such folder
        return Path(bpy.utils.user_resource("DATAFILES", path=f"m2dao_talker/{name}", create=True))


def plan() -> EnvironmentPlan:
    """The environment that the button makes."""
    return backend_plan(EXTENSION_ROOT, user_folder("backend") / "environment")


def models_dir(context: bpy.types.Context) -> Path | None:
    """Folder with model files that the user named."""
    preferences = addon_preferences(context)
    return Path(bpy.path.abspath(preferences.models_dir)) if preferences and preferences.models_dir else None


def backend_python(context: bpy.types.Context) -> Path:
    """The backend's Python: from the environment variable, else the preferences, else the installed one."""
    preferences = addon_preferences(context)
    named = os.environ.get(PYTHON_VARIABLE) or (preferences.python if preferences else "")
    return Path(bpy.path.abspath(named)) if named else plan().python


def is_installed(context: bpy.types.Context) -> bool:
    """Whether there is a backend to start (its environment finished, or one of the user's own)."""
    python = backend_python(context)
    return python.is_file() and (python != plan().python or read_stamp(plan()) is not None)


def backend_state(context: bpy.types.Context) -> str:
    """How the backend stands, in a few words."""
    if not is_installed(context):
        return "The backend is not installed (2 GB, some minutes)"
    if backend_python(context) != plan().python:
        return f"Using {backend_python(context)}"
    if read_stamp(plan()).get("requirements") != requirements_digest(plan()):
        return "The backend is of another version: update it"
    return "The backend is installed"


def backend_place(context: bpy.types.Context) -> BackendPlace:
    """Where the backend lives, for the client."""
    environment = {}
    folder = models_dir(context)
    if folder is not None:
        environment["TALKER_MODELS_DIR"] = str(folder)
    return BackendPlace(backend_python(context), EXTENSION_ROOT, user_folder("state"), environment=environment)


def register() -> None:
    install_backend.register()
    bpy.utils.register_class(TalkerPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(TalkerPreferences)
    install_backend.unregister()
