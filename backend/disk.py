"""Space on the disk, checked before a long job fills it."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.errors import InputError

GB = 1e9


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk on which `folder` is, or will be made."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def require_space(folder: Path, needed_bytes: float, what: str, do: str) -> None:
    """Raises InputError, which tells to `do` something, where the disk of `folder` has less room than `what` needs."""
    free = free_bytes(folder)
    if free < needed_bytes:
        raise InputError(
            f"The disk of {folder} has not enough space: {what} needs {needed_bytes / GB:.1f} GB, "
            f"{free / GB:.1f} GB are free.",
            do,
        )
