"""Folders and files for nobody but this user: what holds keys, jobs, or logs.

On Windows a user's own folders are private by their inherited access list, and nothing is changed there.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from .errors import InputError
from .files import explaining

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077


def make_private(folder: Path, known_by: tuple[str, ...] | None = ()) -> None:
    """Make a folder that only this user may enter, with the folders above it, or make one private that is there.

    One that others may enter is made private where it is empty or holds one of the names `known_by`, which says that
    it is ours from a version that did not care; None: it is ours whatever it holds. Raises InputError where it belongs
    to another user, where it holds other things, or where the system refuses.
    """
    with explaining(folder):
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        if sys.platform == "win32":
            return
        status = folder.stat()
        if status.st_uid != os.getuid():
            raise InputError(f"The folder {folder} belongs to another user.", "Choose a folder of your own.")
        if not status.st_mode & _OTHERS:
            return
        names = os.listdir(folder)
        if names and known_by is not None and not any(name in known_by for name in names):
            raise InputError(
                f"Others may look into {folder}, and it holds other things.",
                f"Choose a folder of its own, or close this one: chmod 700 {folder}",
            )
        folder.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)


def open_private(path: str | os.PathLike, flags: int) -> int:
    """A descriptor of a file that only this user may read; an `opener` for `open`. Raises OSError."""
    return os.open(path, flags, FILE_MODE)


def is_foreign(path: Path) -> bool:
    """Whether a file belongs to another user, who then could say anything in it. Raises OSError."""
    return sys.platform != "win32" and path.stat().st_uid not in (os.getuid(), 0)
