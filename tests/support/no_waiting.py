"""Turns of Blender's loop, in which nothing may wait: each way to wait raises there, and each turn is timed.

Only the thread that takes the turn is watched: the add-on's own threads are there to wait.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from unittest import mock

import zmq

T = TypeVar("T")
LIMIT_MS = 50.0
"""No turn may be held longer."""
OUTLIER_MS = 250.0
"""On a busy machine a turn in a hundred may take this long, without a wait of ours."""
_SCHEDULE = Path("/proc/thread-self/schedstat")


class Waited(AssertionError):
    """Something waited within a turn."""


class Turns:
    """Takes turns, and keeps how long each took, without the time in which other processes had the CPU."""

    def __init__(self) -> None:
        self.lengths_ms: list[float] = []

    def check_clock(self) -> None:
        """Assert that no turn was held, as far as a busy machine can tell by the clock."""
        lengths = sorted(self.lengths_ms)
        assert lengths[-1] < OUTLIER_MS, lengths[-5:]
        assert lengths[(len(lengths) - 1) * 99 // 100] < LIMIT_MS, lengths[-5:]

    def take(self, turn: Callable[[], T]) -> T:
        """One turn; what it returns. Raises Waited if it asks to wait for anything."""
        with nothing_waits():
            preempted, started = _preempted_ms(), time.perf_counter()
            try:
                return turn()
            finally:
                took_ms = 1000 * (time.perf_counter() - started) - (_preempted_ms() - preempted)
                self.lengths_ms.append(took_ms)

    def take_until(self, turn: Callable[[], object], condition: Callable[[], object], limit_s: float = 60.0) -> None:
        """Turn after turn until `condition` holds; fails after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.take(turn)
            time.sleep(0.02)

    def take_for(self, turn: Callable[[], object], seconds: float) -> None:
        """Turn after turn for so long."""
        end = time.monotonic() + seconds
        self.take_until(turn, lambda: time.monotonic() > end, seconds + 60)


@contextlib.contextmanager
def nothing_waits() -> Iterator[None]:
    """Within it, this thread can neither sleep, nor wait for a thread, process or socket, nor touch a file."""
    turning = threading.get_ident()
    with contextlib.ExitStack() as stack:

        def forbid(owner: object, name: str, is_waiting: Callable[..., bool] = lambda *a, **o: True) -> None:
            real = getattr(owner, name)

            def guarded(*arguments, **options):
                if threading.get_ident() == turning and is_waiting(*arguments, **options):
                    raise Waited(f"{getattr(owner, '__name__', owner)}.{name} was called within a turn")
                return real(*arguments, **options)

            stack.enter_context(mock.patch.object(owner, name, guarded))

        forbid(time, "sleep")
        forbid(threading.Condition, "wait")
        forbid(threading.Event, "wait")
        forbid(subprocess.Popen, "wait")
        forbid(subprocess, "Popen")
        forbid(subprocess, "run")
        forbid(socket, "create_connection")
        forbid(select, "select", lambda r, w, x, timeout=None: timeout != 0)
        forbid(builtins, "open")
        forbid(os, "waitpid", lambda pid, options: not options & getattr(os, "WNOHANG", 0))
        forbid(zmq.Socket, "poll", lambda self, timeout=None, flags=0: timeout != 0)
        forbid(zmq.Socket, "recv", lambda self, flags=0, *a, **o: not flags & zmq.NOBLOCK)
        forbid(zmq.Socket, "send", lambda self, data, flags=0, *a, **o: not flags & zmq.NOBLOCK)
        forbid(zmq.Context, "term")
        forbid(zmq.Context, "destroy")
        yield


def _preempted_ms() -> float:
    """How long this thread has been ready to run while others ran; 0 where the system does not say."""
    try:
        with _REAL_OPEN(_SCHEDULE, encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e6
    except OSError:
        return 0.0


_REAL_OPEN = open
