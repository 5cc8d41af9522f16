"""The project's folders for this user, where the operating system keeps such folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import InputError

CACHE_DIR_VARIABLE = "TALKER_CACHE_DIR"


def cache_folder() -> Path:
    """The project's cache for this user: TALKER_CACHE_DIR, else what the operating system sets aside for caches.

    It may not be there. Raises InputError where the variable names what no path can be, and for a user without a home.
    """
    override = os.environ.get(CACHE_DIR_VARIABLE)
    if override:
        return named_path(override, CACHE_DIR_VARIABLE)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home_folder() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home_folder() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home_folder() / ".cache")
    return base / "m2dao-talker"


def home_folder() -> Path:
    """This user's folder. Raises InputError where there is none: a container's user, whom the system does not know."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise InputError("This user has no home folder.", "Set the variable HOME to a folder.") from error


def named_path(text: str, by: str) -> Path:
    """What a variable or an option (`by`) names, with the user's folder in the place of ~. Raises InputError."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # a user whom the system does not know
        raise InputError(
            f"{by} names {text}: there is no such user here.", "Name a folder by its whole path."
        ) from error


def named_folder(text: str, by: str) -> Path:
    """The same for a folder, which need not be there. Raises InputError for what is none, or leads nowhere."""
    path = named_path(text, by)
    do = f"Correct {by}, or leave it out."
    try:
        os.lstat(path)
    except FileNotFoundError:
        return path
    except OSError as error:
        raise InputError(f"{by} names {path}: {error.strerror}.", do) from error
    if not os.path.isdir(path):
        raise InputError(f"{by} names {path}, which is not a folder.", do)
    return path


def addon_state_folders() -> list[Path]:
    """State folders of the add-on's backends, of every Blender of this user, where they are there.

    Where Blender keeps what extensions write (Blender manual, "Blender's Directory Layout", and
    `bpy.utils.extension_path_user`).
    """
    home = home_folder()
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
