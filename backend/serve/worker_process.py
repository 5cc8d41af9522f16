"""A child process of the backend as the backend handles it: start, write to it, read its events, kill."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from shared.jobs import JobInfo
from shared.python_child import module_command, source_environment

from .logs import CappedLog

log = logging.getLogger(__name__)

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package `backend`."""
CHUNK_BYTES = 64 << 10
LAST_WORDS_S = 1.0
"""A process that has ended may have left what it printed to others, which hold on to it: so long is waited for it."""


class LineProcess:
    """A child process that reads and writes lines of JSON. Never blocks: events are collected by `events`."""

    def __init__(
        self, name: str, command: Sequence[str], log_path: Path, on_event: Callable[[], object] = lambda: None
    ) -> None:
        """name: in the backend's log; log_path: of what the process prints; on_event: called, in another thread, when
        there is an event, and when it has ended. Raises OSError."""
        self.name = name
        self.started = False
        self.last_heard = time.monotonic()
        self._events: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._on_event = on_event
        record = CappedLog(log_path)
        try:
            # In its own session: Ctrl-C in the backend's terminal does not reach it, and `kill` reaches its children.
            self._process = subprocess.Popen(
                command,
                env=source_environment(SOURCE),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError:
            record.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None and self._process.stderr is not None
        self._stdin: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        self._recorder = threading.Thread(target=self._record, args=(self._process.stderr, record), daemon=True)
        self._recorder.start()
        self._ended_at: float | None = None
        self._outgoing: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def send(self, line: dict) -> None:
        """Write a line to it."""
        self._outgoing.put(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Exit status; None while it runs, or while events of it, or what it printed, are still unread."""
        if self._reader.is_alive() or not self._events.empty():
            return None
        status = self._process.poll()
        if status is None or not self._recorder.is_alive():
            return status
        self._ended_at = self._ended_at or time.monotonic()
        return status if time.monotonic() - self._ended_at > LAST_WORDS_S else None

    def events(self) -> list[dict]:
        """The events that it wrote since the last call."""
        found = []
        while not self._events.empty():
            event = self._events.get()
            self.last_heard = time.monotonic()
            self.started = self.started or event.get("event") == "started"
            found.append(event)
        return found

    def kill(self) -> None:
        """Kill it and its children now (on Windows only it). It has ended once `exit_status` is not None."""
        if self._process.poll() is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)

    def join(self, timeout_s: float) -> int | None:
        """Wait for its end; the exit status, or None where it did not come in time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Release the threads and pipes of an ended process."""
        self._outgoing.put(None)
        self._writer.join(1.0)
        self._reader.join(1.0)

    def _write(self) -> None:
        # In its own thread: a long line blocks on a full pipe until the worker has started and reads it.
        try:
            with self._stdin:  # which writes what is left when it is closed, and fails once more where nobody reads
                while (line := self._outgoing.get()) is not None:
                    self._stdin.write(json.dumps(line).encode("utf-8") + b"\n")
                    self._stdin.flush()
        except OSError as error:
            log.info("%s no longer listens (%s)", self.name, error)

    def _record(self, stream: IO[bytes], record: CappedLog) -> None:
        with stream:
            while data := os.read(stream.fileno(), CHUNK_BYTES):
                try:
                    record.write(data)
                except OSError as error:  # a full disk: the job goes on, and must not wait for a reader of its pipe
                    log.warning("the log of %s cannot be written (%s)", self.name, error)
        record.close()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline():
                try:
                    self._events.put(dict(json.loads(line)))
                except (ValueError, TypeError) as error:
                    log.warning("%s wrote what is no event (%s)", self.name, error)
                self._on_event()
        self._on_event()


class WorkerProcess(LineProcess):
    """The process of one job."""

    def __init__(self, job: JobInfo, arguments: dict, verbs: str, lock: Path, log_path: Path) -> None:
        """Raises OSError."""
        command = module_command(sys.executable, "backend.serve.worker", "--verbs", verbs, "--lock", str(lock))
        super().__init__(f"job {job.id}", command, log_path)
        self.send({"verb": job.verb, "arguments": arguments})

    def cancel(self) -> None:
        """Ask it to stop at its next step."""
        self.send({"cancel": True})


def describe_exit(status: int) -> str:
    """How a process has ended, in words."""
    if status < 0:
        hint = " (the system may have run out of memory)" if status == -9 else ""
        return f"it was ended by signal {-status}{hint}"
    return f"exit status {status}"
