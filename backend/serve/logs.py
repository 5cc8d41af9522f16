"""Logs that cannot fill a disk: the backend's own, and those of its jobs. Only this user may read them."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

from shared.private import open_private

MOST_BYTES = 2 << 20
"""A log that has grown so long becomes NAME.1, in the place of the one before, and a new one is begun."""
LONGEST_LINE = 2000
"""Longer messages of the backend's log are cut."""
ALIKE = 20
ALIKE_S = 10.0
"""Of messages of one kind, so many are written within so many seconds; of the others only how many they were."""
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def older(path: Path) -> Path:
    """Where the older part of a log is."""
    return path.with_name(f"{path.name}.1")


def remove_log(path: Path) -> None:
    """Delete a log, both parts of it. Raises OSError."""
    for part in (path, older(path)):
        part.unlink(missing_ok=True)


def log_to(path: Path | None) -> None:
    """Let this process log to a file, or to standard error where there is none. Raises OSError."""
    handler = logging.StreamHandler(sys.stderr) if path is None else _PrivateRotatingHandler(path)
    handler.addFilter(Brief())
    logging.basicConfig(level=logging.INFO, handlers=[handler], format=_FORMAT, force=True)


class Brief(logging.Filter):
    """Cuts long messages, and leaves out what comes too often: strangers can cause both."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is written; it may be changed."""
        kind, now = (record.name, record.msg), time.monotonic()
        began, count = self._seen.get(kind, (now, 0))
        left_out = 0
        if now - began > ALIKE_S:
            began, count, left_out = now, 0, max(0, count - ALIKE)
        self._seen[kind] = (began, count + 1)
        if count >= ALIKE:
            return False
        text = record.getMessage()
        if len(text) > LONGEST_LINE:
            text = f"{text[:LONGEST_LINE]}… ({len(text)} characters)"
        record.msg, record.args = f"{text} (and {left_out} like it)" if left_out else text, ()
        return True


class _PrivateRotatingHandler(logging.handlers.RotatingFileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", errors="replace")

    def _open(self) -> TextIOWrapper:
        file = open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=open_private)
        return cast(TextIOWrapper, file)


class CappedLog:
    """A job's log: bytes are appended, and it keeps no more than the newest 2 · MOST_BYTES of them."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises OSError."""
        self._path = path
        self._open()

    def write(self, data: bytes) -> None:
        """Append. Raises OSError."""
        if self._file.closed:  # the last write failed midway
            self._open()
        elif self._size and self._size + len(data) > MOST_BYTES:
            self._file.close()
            os.replace(self._path, older(self._path))
            self._open()
        self._file.write(data)
        self._size += len(data)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _open(self) -> None:
        self._file: IO[bytes] = open(self._path, "ab", buffering=0, opener=open_private)
        self._size = os.fstat(self._file.fileno()).st_size
