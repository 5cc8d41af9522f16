"""The project's folders for this user, where the operating system keeps such folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_DIR_VARIABLE = "TALKER_CACHE_DIR"


def cache_folder() -> Path:
    """The project's cache for this user: TALKER_CACHE_DIR, else what the operating system sets aside for caches."""
    override = os.environ.get(CACHE_DIR_VARIABLE)
    if override:
        return Path(override).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "m2dao-talker"


def addon_state_folders() -> list[Path]:
    """State folders of the add-on's backends, of every Blender of this user, where they are there.

    Where Blender keeps what extensions write (Blender manual, "Blender's Directory Layout", and
    `bpy.utils.extension_path_user`).
    """
    home = Path.home()
    if sys.platform == "win32":
        users = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "Blender Foundation" / "Blender"
    elif sys.platform == "darwin":
        users = home / "Library" / "Application Support" / "Blender"
    else:
        users = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "blender"
    found = [*users.glob("*/extensions/.user/*/m2dao_talker/state"), *users.glob("*/datafiles/m2dao_talker/state")]
    for variable, pattern in _BLENDERS_FOLDERS.items():
        if os.environ.get(variable):
            found += Path(os.environ[variable]).glob(pattern)
    return sorted({path for path in found if (path / "jobs").is_dir()})


_BLENDERS_FOLDERS = {
    "BLENDER_USER_RESOURCES": "extensions/.user/*/m2dao_talker/state",
    "BLENDER_USER_EXTENSIONS": ".user/*/m2dao_talker/state",
}
"""Variables by which Blender's own folders are moved, to where the state is in them."""
