"""The pipes of a child process of the backend: lines of JSON both ways."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from shared.errors import EXIT_FAULT


class Channel:
    """The two pipes to the parent, kept apart from what the job's libraries print or read."""

    def __init__(self, on_orphaned: Callable[[], object] = lambda: None) -> None:
        """on_orphaned: called before `send` ends the process, for nobody would receive what it sends."""
        self._on_orphaned = on_orphaned
        self._in = os.dup(0)
        self._out = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, event: str, **values: Any) -> None:
        """Write one event. Ends the process if the parent is gone: nobody would receive the result."""
        line = (json.dumps({"event": event, **values}, allow_nan=False) + "\n").encode("utf-8")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:
                self._on_orphaned()
                os._exit(EXIT_FAULT)

    def lines(self) -> Iterator[dict]:
        """What the parent writes, until it closes the pipe or dies."""
        buffer = b""
        while chunk := os.read(self._in, 65536):
            buffer += chunk
            *complete, buffer = buffer.split(b"\n")
            for line in complete:
                yield json.loads(line)
