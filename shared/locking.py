"""A lock on a file that the operating system releases when its holder ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

_AT = 1 << 30
"""The byte that Windows locks, behind all that such a file holds: what it says of its holder can still be read."""

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, at: int) -> None:
        os.lseek(descriptor, at, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int, at: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class FileLock:
    """Held by at most one process at a time; released by `release` or the holder's end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, timeout_s: float = 0.0) -> bool:
        """Try for `timeout_s` seconds. True when this process holds the lock now."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                _try_lock(descriptor, 0)
            except OSError:  # another process holds it; the system has no other way to say so
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return False
                time.sleep(0.05)
            else:
                self._descriptor = descriptor
                return True

    def release(self) -> None:
        """Give the lock back, if held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class NamedLock:
    """A lock whose file says who holds it, and is there only while it is held or after its holder was killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, says: bytes) -> bool:
        """Try once; `says`: of the holder. True when this process holds the lock now, or the disk knows no locks.

        Raises OSError where the file cannot be made.
        """
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _try_lock(descriptor, _AT)
                is_ours = _is_still(descriptor, self.path)
                if is_ours:
                    os.ftruncate(descriptor, 0)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    os.write(descriptor, says)
                    self._descriptor = descriptor
                    return True
            except OSError as error:
                os.close(descriptor)
                if error.errno in _HELD:
                    return False
                if error.errno in _NO_LOCKS:
                    return True
                raise
            os.close(descriptor)  # its holder took the file away in between: there may be another one by now

    def says(self) -> bytes:
        """What the holder says, or said before it was killed; nothing where there is none."""
        try:
            return self.path.read_bytes()
        except OSError:
            return b""

    def release(self) -> None:
        """Give the lock back, if held, and take its file away."""
        if self._descriptor is None:
            return
        if os.name != "nt":  # Windows takes no file away that is open
            _take_away(self.path)
        os.close(self._descriptor)
        self._descriptor = None
        if os.name == "nt":
            _take_away(self.path)


def _take_away(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # another one holds it by now, or the disk has gone: the file alone locks nothing
        return


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the file that is open is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
