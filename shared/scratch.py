"""Folders for temporary files, which a killed process leaves behind for the next one to remove."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .locking import NamedLock

_OWNER = "owner.lock"
_JUST_MADE_S = 3600.0
"""A folder without a lock that is no older than this may be one whose owner is about to lock it."""


@contextmanager
def scratch_folder(kind: str, inside: Path | None = None) -> Iterator[Path]:
    """A temporary folder for one `kind` of work; those of processes that were killed at it are removed first.

    inside: the folder that it is made in; None: the system's for temporary files. Raises OSError where it cannot be
    made.
    """
    prefix = f"talker-{kind}-"
    _remove_abandoned(Path(tempfile.gettempdir()) if inside is None else inside, prefix)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=inside) as name:
        lock = NamedLock(Path(name) / _OWNER)
        lock.acquire(str(os.getpid()).encode())
        files = Path(name) / "files"
        files.mkdir()
        try:
            yield files
        finally:
            lock.release()


def _remove_abandoned(folder: Path, prefix: str) -> None:
    for left in folder.glob(f"{prefix}*"):
        with suppress(OSError):  # another user's, or just being removed
            if left.is_dir() and not left.is_symlink() and _is_ours(left) and _is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _is_abandoned(folder: Path) -> bool:
    if not (folder / _OWNER).exists():
        return time.time() - folder.stat().st_mtime > _JUST_MADE_S
    lock = NamedLock(folder / _OWNER)
    is_free = lock.acquire(b"")
    lock.release()
    return is_free
