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

LIVE, SCORES = "live", "scores"
"""Kinds of work: live heads, and evaluation."""
PICTURES = (LIVE, SCORES)
"""Kinds whose folders hold pictures of a person."""
_OWNER = "owner.lock"
_MEMORY_DISK = Path("/dev/shm")
_JUST_MADE_S = 3600.0
"""A folder without a lock that is no older than this may be one whose owner is about to lock it."""


def memory_disk(room_bytes: int) -> Path | None:
    """A disk in memory on which this user may write so much; None where the system has none."""
    try:
        if os.access(_MEMORY_DISK, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY_DISK).free >= room_bytes:
            return _MEMORY_DISK
    except OSError:
        pass
    return None


@contextmanager
def scratch_folder(kind: str, within: Path | None = None) -> Iterator[Path]:
    """A temporary folder for one `kind` of work; those of processes that were killed at it are removed first.

    within: where to make it; None: where the system keeps temporary files. Only this user may enter it. Raises OSError
    where none can be made.
    """
    within = within or Path(tempfile.gettempdir())
    remove_abandoned(kind, within)
    with tempfile.TemporaryDirectory(prefix=_prefix(kind), dir=within) as name:
        lock = NamedLock(Path(name) / _OWNER)
        lock.acquire(str(os.getpid()).encode())
        files = Path(name) / "files"
        files.mkdir()
        try:
            yield files
        finally:
            shutil.rmtree(files, ignore_errors=True)  # while it is locked: who is killed here leaves no files for long
            lock.release()


def remove_abandoned(kind: str, *more: Path) -> None:
    """Remove the folders for one kind of work that killed processes of this user left: where the system keeps temporary
    files, on its disk in memory, and in `more` places."""
    for place in {Path(tempfile.gettempdir()), _MEMORY_DISK, *more}:
        for left in place.glob(f"{_prefix(kind)}*"):
            with suppress(OSError):  # another user's, or just being removed
                if left.is_dir() and not left.is_symlink() and _is_ours(left) and _is_abandoned(left):
                    shutil.rmtree(left, ignore_errors=True)


def _prefix(kind: str) -> str:
    return f"talker-{kind}-"


def _is_ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _is_abandoned(folder: Path) -> bool:
    if not (folder / _OWNER).exists():
        return time.time() - folder.stat().st_mtime > _JUST_MADE_S
    lock = NamedLock(folder / _OWNER)
    is_free = lock.acquire(b"")
    lock.release()
    return is_free
