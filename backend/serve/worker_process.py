"""A job's process as the backend handles it: start, read its events, cancel, kill."""

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
from pathlib import Path
from typing import IO

from shared.jobs import JobInfo

log = logging.getLogger(__name__)


class WorkerProcess:
    """One child process that runs one job. Never blocks: events are collected by `events`."""

    def __init__(self, job: JobInfo, arguments: dict, verbs: str, lock: Path, log_path: Path) -> None:
        self.job_id = job.id
        self.started = False
        self.last_heard = time.monotonic()
        self._events: queue.SimpleQueue[dict] = queue.SimpleQueue()
        command = [sys.executable, "-m", "backend.serve.worker", "--verbs", verbs, "--lock", str(lock)]
        with open(log_path, "ab") as log:
            # In its own session: Ctrl-C in the backend's terminal does not reach it, and `kill` reaches its children.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        self._outgoing: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()
        self._outgoing.put({"verb": job.verb, "arguments": arguments})

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Exit status; None while it runs, or while events of it are still unread."""
        if self._reader.is_alive() or not self._events.empty():
            return None
        return self._process.poll()

    def events(self) -> list[dict]:
        """The events that it wrote since the last call."""
        found = []
        while not self._events.empty():
            event = self._events.get()
            self.last_heard = time.monotonic()
            self.started = self.started or event.get("event") == "started"
            found.append(event)
        return found

    def cancel(self) -> None:
        """Ask it to stop at its next step."""
        self._outgoing.put({"cancel": True})

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
        with self._stdin:
            while (line := self._outgoing.get()) is not None:
                try:
                    self._stdin.write(json.dumps(line).encode("utf-8") + b"\n")
                    self._stdin.flush()
                except OSError as error:
                    log.info("job %s no longer listens (%s)", self.job_id, error)
                    return

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline():
                try:
                    self._events.put(dict(json.loads(line)))
                except (ValueError, TypeError) as error:
                    log.warning("job %s wrote what is no event (%s)", self.job_id, error)
