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
from shared.python_child import module_command, source_environment

from .logs import CappedLog

log = logging.getLogger(__name__)

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package `backend`."""
CHUNK_BYTES = 64 << 10
LAST_WORDS_S = 1.0
"""A process that has ended may have left what it printed to others, which hold on to it: so long is waited for it."""


class WorkerProcess:
    """One child process that runs one job. Never blocks: events are collected by `events`."""

    def __init__(self, job: JobInfo, arguments: dict, verbs: str, lock: Path, log_path: Path) -> None:
        self.job_id = job.id
        self.started = False
        self.last_heard = time.monotonic()
        self._events: queue.SimpleQueue[dict] = queue.SimpleQueue()
        command = module_command(sys.executable, "backend.serve.worker", "--verbs", verbs, "--lock", str(lock))
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
        self._outgoing.put({"verb": job.verb, "arguments": arguments})

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

    def _record(self, stream: IO[bytes], record: CappedLog) -> None:
        with stream:
            while data := os.read(stream.fileno(), CHUNK_BYTES):
                try:
                    record.write(data)
                except OSError as error:  # a full disk: the job goes on, and must not wait for a reader of its pipe
                    log.warning("the log of job %s cannot be written (%s)", self.job_id, error)
        record.close()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline():
                try:
                    self._events.put(dict(json.loads(line)))
                except (ValueError, TypeError) as error:
                    log.warning("job %s wrote what is no event (%s)", self.job_id, error)
