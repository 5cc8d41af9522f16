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
