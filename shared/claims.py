"""Who works on a subject, a model or a take: one process at a time; another one is told who, since when, and waits."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import explaining, remove_leftovers_of
from .jobs import Reporter
from .locking import NamedLock

CLAIM = ".lock"
"""Ending of the file that says who works on what has the name before it."""
_WAIT_S = 0.2


@dataclass(frozen=True)
class Holder:
    """A process that works on something."""

    pid: int
    host: str
    doing: str
    """What it does, in plain words: "rendered"."""
    since: float
    """Seconds since 1970 (UTC)."""

    @classmethod
    def this(cls, doing: str) -> Holder:
        return cls(os.getpid(), platform.node(), doing, time.time())

    @classmethod
    def read(cls, said: bytes) -> Holder | None:
        """Who wrote a lock's file; None where it does not say (it is written a moment after it is made)."""
        try:
            values = json.loads(said)
            return cls(int(values["pid"]), str(values["host"]), str(values["doing"]), float(values["since"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def sentence(self, what: str) -> str:
        """Who holds `what`, and for how long."""
        minutes = max(0.0, time.time() - self.since) / 60.0
        age = f"{minutes:.0f} min" if minutes >= 1.5 else f"{60 * minutes:.0f} s"
        return f"{what} is being {self.doing} by process {self.pid} on {self.host}, for {age} already."


def claim_path(of: Path) -> Path:
    """The file that says who works on `of`, beside it; the same by whatever name the folder is reached."""
    real = Path(os.path.realpath(of))
    return real.with_name(real.name + CLAIM)


@contextmanager
def claiming(find: Callable[[], Iterable[Path]], doing: str, report: Reporter) -> Iterator[Claims]:
    """All of several things held, or none while one of them is another's: then the user is told, and waited.

    find: what to hold, found anew at each try; doing: what is done to it, as in "is being rendered". A process that is
    killed holds nothing any more. Raises InputError where a lock's file cannot be made, Cancelled when the user asked
    to stop waiting.
    """
    claims = Claims()
    told: Holder | None = None
    while (busy := claims.take(find(), doing)) is not None:
        path, holder = busy
        if holder is not None and holder != told:
            told = holder
            report.message(holder.sentence(str(path)) + " Waiting for that to end.")
        report.check()
        time.sleep(_WAIT_S)
    try:
        yield claims
    finally:
        claims.give_all_back()


@contextmanager
def handing_out(path: Path, report: Reporter) -> Iterator[None]:
    """Hold a file that is written for somebody, in a folder that is not ours; what killed runs left of it half-written
    is removed, and said. Raises as `claiming`; the body's OSErrors in words."""
    with claiming(lambda: [path], "written", report), explaining(path):
        if told := remove_leftovers_of(path):
            report.message(told)
        yield


class Claims:
    """What this process holds."""

    def __init__(self) -> None:
        self._locks: dict[Path, NamedLock] = {}

    def take(self, paths: Iterable[Path], doing: str) -> tuple[Path, Holder | None] | None:
        """Hold all of `paths`, or none; the first that another one holds, and by whom. Raises InputError."""
        says = json.dumps(asdict(Holder.this(doing))).encode()
        for path in paths:
            lock = NamedLock(claim_path(path))
            with explaining(path):
                held = lock.acquire(says)
            if not held:
                self.give_all_back()
                return path, Holder.read(lock.says())
            self._locks[path] = lock
        return None

    def give_back(self, *paths: Path) -> None:
        """Hold these no longer."""
        for path in paths:
            if path in self._locks:
                self._locks.pop(path).release()

    def give_all_back(self) -> None:
        """Hold nothing any more."""
        self.give_back(*self._locks)
