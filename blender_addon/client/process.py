"""Start the backend's process, find one that runs already, stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..shared import protocol
from ..shared.errors import InputError, InternalError
from ..shared.locking import FileLock
from ..shared.ready import BACKEND_LOCK, NotReady, ReadyFile
from ..shared.version import VERSION
from .transport import Connection, ConnectionLost, Refused

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 8.0
OTHERS_TIMEOUT_S = 2.0
"""A backend that ends at its start may do so because another Blender was faster: wait this long for that one."""
PROBE_TIMEOUT_S = 0.3
LOG_TAIL_LINES = 5
MAX_LOG_BYTES = 4 << 20


@dataclass(frozen=True)
class BackendPlace:
    """Where a backend lives on this machine."""

    python: Path
    """Python of the backend's environment."""
    source: Path
    """Folder that holds the packages `backend` and `shared`."""
    state_dir: Path
    """Folder for its jobs, logs and ready file."""
    options: tuple[str, ...] = ()
    """More options for `python -m backend serve`."""
    environment: dict[str, str] = field(default_factory=dict)
    """More environment variables."""

    @property
    def ready_file(self) -> Path:
        return self.state_dir / "backend.ready.json"

    @property
    def log_file(self) -> Path:
        return self.state_dir / "logs" / "backend.log"


class Starting:
    """A backend on its way. Ask `poll` from a timer, or `wait`."""

    def __init__(self, place: BackendPlace, process: subprocess.Popen, timeout_s: float, stale_token: str) -> None:
        self.place = place
        self._process = process
        self._deadline = time.monotonic() + timeout_s
        self._ended_at = 0.0
        self._stale_token = stale_token

    def poll(self) -> Connection | None:
        """A connection when it is ready, None while it is not.

        Raises InternalError with the end of its log when it ended or did not come in time.
        """
        ended = self._process.poll()
        if _token(self.place) not in ("", self._stale_token):
            connection = find_running(self.place, timeout_s=0.5)
            if connection is not None:
                return connection
        if ended is not None and not self._ended_at:
            self._ended_at = time.monotonic()
        if ended is not None and time.monotonic() - self._ended_at > OTHERS_TIMEOUT_S:
            raise InternalError(f"The backend ended at its start (exit status {ended}): {self._tail()}", self._see())
        if time.monotonic() > self._deadline:
            self.abandon()
            raise InternalError(f"The backend did not get ready in time: {self._tail()}", self._see())
        return None

    def wait(self, on_wait: Callable[[], None] = lambda: None) -> Connection:
        """Poll until it is ready, calling `on_wait` between."""
        while (connection := self.poll()) is None:
            on_wait()
            time.sleep(0.1)
        return connection

    def abandon(self) -> None:
        """End it before it is ready."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def _tail(self) -> str:
        try:
            lines = self.place.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return "it left no log."
        return " / ".join(lines[-LOG_TAIL_LINES:]) or "its log is empty."

    def _see(self) -> str:
        return f"See {self.place.log_file}; if files are missing, install the backend again in the preferences."


_children: list[subprocess.Popen] = []
"""Backends that this process started: asked now and then whether they have ended, so that none stays a zombie."""


def find_running(place: BackendPlace, timeout_s: float = 2.0) -> Connection | None:
    """A connection to the backend that the ready file names, None if there is none or it does not answer.

    Raises Refused if it is of another version than this add-on.
    """
    if not is_alive(place):
        return None
    try:
        ready = ReadyFile.read(place.ready_file)
        if ready.version != VERSION:
            what = f"The running backend has version {ready.version}, this add-on {VERSION}."
            raise Refused(str(protocol.ErrorCode.WRONG_VERSION), what, "Stop the backend, then start it again.")
        return Connection.open(ready, timeout_s=timeout_s)
    except (NotReady, ConnectionLost):
        return None
    except Refused as error:
        if error.code == protocol.ErrorCode.WRONG_TOKEN:  # another program has the port of a backend long gone
            return None
        raise


def start(place: BackendPlace, timeout_s: float = START_TIMEOUT_S) -> Starting:
    """Start a backend that outlives this process. Raises InputError where its environment is missing."""
    if not place.python.is_file():
        raise InputError("The backend is not installed.", "Press Install Backend in the add-on's preferences.")
    if not (place.source / "backend").is_dir():
        raise InputError(f"There is no backend in {place.source}.", "Install the extension again.")
    stale_token = _token(place)
    _children[:] = [child for child in _children if child.poll() is None]
    try:
        place.log_file.parent.mkdir(parents=True, exist_ok=True)
        too_long = place.log_file.is_file() and place.log_file.stat().st_size > MAX_LOG_BYTES
        with open(place.log_file, "wb" if too_long else "ab") as log:
            process = subprocess.Popen(
                [str(place.python), "-m", "backend", "serve", *_options(place)],
                cwd=place.state_dir,
                env=_environment(place),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_detached(),
            )
    except OSError as error:
        raise InputError(
            f"The backend cannot be started from {place.python} ({error}).", "Check the preferences."
        ) from error
    _children.append(process)
    return Starting(place, process, timeout_s, stale_token)


def find_or_start(place: BackendPlace, timeout_s: float = 2.0) -> Connection | Starting:
    """A connection to the running backend, or a fresh one on its way; one of another version is replaced."""
    try:
        running = find_running(place, timeout_s)
    except Refused:
        stop(place)
        running = None
    return running if running is not None else start(place)


def connect(place: BackendPlace, on_wait: Callable[[], None] = lambda: None) -> Connection:
    """A connection to the running backend, or to a fresh one; blocks until it is ready."""
    found = find_or_start(place)
    return found.wait(on_wait) if isinstance(found, Starting) else found


def is_alive(place: BackendPlace) -> bool:
    """True while the backend that the ready file names exists, whether it answers or not."""
    try:
        ready = ReadyFile.read(place.ready_file)
        socket.create_connection((ready.host, ready.port), PROBE_TIMEOUT_S).close()
    except (NotReady, OSError):
        return False
    return True


def stop(place: BackendPlace, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Stop the backend that the ready file names; False if there was none. Unfinished jobs go on at its next start.

    It is asked first, and ended by its process id when it does not obey. Raises InternalError if it still lives.
    """
    try:
        ready = ReadyFile.read(place.ready_file)
    except NotReady:
        return False
    if _has_ended(place, ready.pid):
        place.ready_file.unlink(missing_ok=True)
        return False
    try:
        connection = Connection.open(ready, timeout_s=2.0)
        connection.send(protocol.Shutdown())
        connection.poll(1.0)
        connection.close()
    except (ConnectionLost, Refused):  # it hangs, or speaks another version
        _end(ready.pid, signal.SIGTERM)
    if _wait_for_end(place, ready.pid, timeout_s):
        return True
    _end(ready.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    if not _wait_for_end(place, ready.pid, timeout_s):
        raise InternalError(f"The backend's process {ready.pid} does not end.", "End it in the task manager.")
    ReadyFile.remove(place.ready_file, ready.pid)
    return True


def _wait_for_end(place: BackendPlace, pid: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not _has_ended(place, pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    for child in _children:
        child.poll()
    return True


def _has_ended(place: BackendPlace, pid: int) -> bool:
    """Whether nobody holds the lock of a living backend, or another one does by now."""
    lock = FileLock(place.state_dir / BACKEND_LOCK)
    if lock.acquire():
        lock.release()
        return True
    try:
        return ReadyFile.read(place.ready_file).pid != pid
    except NotReady:
        return False


def _end(pid: int, number: int) -> None:
    """Signal the process that holds the backend's lock; so the id cannot have passed to another program."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise InternalError(f"The backend's process {pid} cannot be ended.", "End it in the task manager.") from error


def _token(place: BackendPlace) -> str:
    """The token in the ready file, "" where there is none."""
    try:
        return ReadyFile.read(place.ready_file).token
    except NotReady:
        return ""


def _options(place: BackendPlace) -> list[str]:
    return ["--state-dir", str(place.state_dir), "--ready-file", str(place.ready_file), *place.options]


def _environment(place: BackendPlace) -> dict[str, str]:
    """The backend's own environment: nothing of Blender's Python, and no files written beside its source."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONSTARTUP")}
    environment.update(
        PYTHONPATH=str(place.source),
        PYTHONNOUSERSITE="1",
        PYTHONUTF8="1",
        PYTHONUNBUFFERED="1",
        PYTHONPYCACHEPREFIX=str(place.state_dir / "pycache"),
    )
    environment.update(place.environment)
    return environment


def _detached() -> dict:
    """So that closing Blender, or Ctrl-C in its terminal, does not end the backend, and no console window opens."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
