"""The backend's process: whether it is there, starting it, stopping it.

`look` and `stop` block; all else is polled. The blocking system calls (files, a probe of the port, the start of a
process) are made in threads, see client.background.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..shared import protocol
from ..shared.errors import InputError, InternalError
from ..shared.locking import FileLock
from ..shared.private import make_private, open_private
from ..shared.python_child import module_command
from ..shared.ready import BACKEND_LOCK, READY_FILE, NotReady, ReadyFile
from .background import Pausing, Steps, Task, pause, until_ended
from .transport import Connection, ConnectionLost, Refused, import_zmq

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 8.0
ASK_TIMEOUT_S = 2.0
"""A backend that does not take the request to end within this time is ended by its process id."""
LOOK_AGAIN_S = 0.1
"""How often files and ports are looked at while a backend starts or ends."""
OTHERS_TIMEOUT_S = 2.0
"""A backend that ends at its start may do so because another Blender was faster: wait this long for that one."""
PROBE_TIMEOUT_S = 0.3
LOG_TAIL_LINES = 5


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
        return self.state_dir / READY_FILE

    @property
    def log_file(self) -> Path:
        return self.state_dir / "logs" / "backend.log"

    @property
    def start_log(self) -> Path:
        """What its last start printed beside its log."""
        return self.state_dir / "logs" / "backend.start.log"


@dataclass(frozen=True)
class Seen:
    """A place's backend, seen from outside."""

    ready: ReadyFile | None
    """Its ready file, None where there is no usable one."""
    listens: bool
    """Whether its process exists and its port is open, whether it answers or not."""


def look(place: BackendPlace) -> Seen:
    """Look at a place's ready file, lock and port. Blocks, PROBE_TIMEOUT_S at the port: for threads and scripts.

    The lock tells a ready file that a killed backend has left, whoever has its port by now.
    Loads ZeroMQ on the way, so that this is not done in Blender's main thread. Raises InternalError without it.
    """
    import_zmq()
    try:
        ready = ReadyFile.read(place.ready_file)
    except NotReady:
        return Seen(None, False)
    if _is_free(place):
        return Seen(ready, False)
    try:
        socket.create_connection((ready.host, ready.port), PROBE_TIMEOUT_S).close()
    except OSError:
        return Seen(ready, False)
    return Seen(ready, True)


def is_alive(place: BackendPlace) -> bool:
    """True while the backend that the ready file names exists, whether it answers or not. Blocks as `look` does."""
    return look(place).listens


class Starting(Steps[ReadyFile]):
    """A backend on its way, which will outlive this process. Ends with its ready file.

    `poll` raises InputError where its environment is missing, and InternalError with the end of its log when it ended
    or did not come in time.
    """

    def __init__(self, place: BackendPlace, timeout_s: float = START_TIMEOUT_S) -> None:
        super().__init__(self._steps(place, timeout_s))
        self._process: subprocess.Popen | None = None

    def _steps(self, place: BackendPlace, timeout_s: float) -> Pausing[ReadyFile]:
        process = self._process = yield from until_ended(Task(lambda: _launch(place)))
        deadline = time.monotonic() + timeout_s
        ended_at = None
        while True:
            seen = yield from until_ended(Task(lambda: look(place)))
            if seen.ready is not None and seen.listens:
                return seen.ready
            status, now = process.poll(), time.monotonic()
            if status is not None:
                ended_at = ended_at or now
                if now - ended_at > OTHERS_TIMEOUT_S:
                    log = yield from until_ended(Task(lambda: _log_tail(place)))
                    raise InternalError(f"The backend ended at its start (exit status {status}): {log}", _see(place))
            if now > deadline:
                self.abandon()
                log = yield from until_ended(Task(lambda: _log_tail(place)))
                raise InternalError(f"The backend did not get ready in time: {log}", _see(place))
            yield from pause(LOOK_AGAIN_S)

    def abandon(self) -> None:
        """End it, ready or not; returns at once."""
        if self._process is not None:
            self._process.kill()


class Stopping(Steps[bool]):
    """The backend that the ready file names is stopped: asked first, and ended by its process id when it does not obey.

    Ends with False if there was none. Unfinished jobs go on at its next start. `poll` raises InternalError if it
    still lives after all.
    """

    def __init__(self, place: BackendPlace, timeout_s: float = STOP_TIMEOUT_S) -> None:
        super().__init__(self._steps(place, timeout_s))

    def _steps(self, place: BackendPlace, timeout_s: float) -> Pausing[bool]:
        seen = yield from until_ended(Task(lambda: look(place)))
        if seen.ready is None:
            return False
        ready = seen.ready
        if (yield from until_ended(Task(lambda: _has_ended(place, ready.pid)))):
            yield from until_ended(Task(lambda: ReadyFile.remove(place.ready_file, ready.pid)))
            return False
        if not (yield from self._ask(ready)):  # it hangs, or speaks another version
            _end(ready.pid, signal.SIGTERM)
        if (yield from self._has_ended_within(place, ready.pid, timeout_s)):
            return True
        _end(ready.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        if not (yield from self._has_ended_within(place, ready.pid, timeout_s)):
            raise InternalError(f"The backend's process {ready.pid} does not end.", "End it in the task manager.")
        yield from until_ended(Task(lambda: ReadyFile.remove(place.ready_file, ready.pid)))
        return True

    @staticmethod
    def _ask(ready: ReadyFile) -> Pausing[bool]:
        """Ask it to end; whether it has taken the request."""
        connection = None
        deadline = time.monotonic() + ASK_TIMEOUT_S
        try:
            connection = Connection.begin(ready)
            while not connection.is_greeted():
                if time.monotonic() > deadline:
                    return False
                yield
            connection.send(protocol.Shutdown())
            while not any(isinstance(message, protocol.Goodbye) for message, _ in connection.poll()):
                if time.monotonic() > deadline:
                    return False
                yield
            return True
        except (ConnectionLost, Refused):
            return False
        finally:
            if connection is not None:
                connection.close()

    @staticmethod
    def _has_ended_within(place: BackendPlace, pid: int, timeout_s: float) -> Pausing[bool]:
        deadline = time.monotonic() + timeout_s
        while not (yield from until_ended(Task(lambda: _has_ended(place, pid)))):
            if time.monotonic() > deadline:
                return False
            yield from pause(LOOK_AGAIN_S)
        _forget_ended_children()
        return True


def stop(place: BackendPlace, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Block until the place's backend has stopped; False if there was none. Raises InternalError if it still lives."""
    return Stopping(place, timeout_s).wait()


_children: list[subprocess.Popen] = []
"""Backends that this process started: asked now and then whether they have ended, so that none stays a zombie."""


def _forget_ended_children() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _launch(place: BackendPlace) -> subprocess.Popen:
    """Start a backend's process. Raises InputError where its environment is missing."""
    if not place.python.is_file():
        raise InputError("The backend is not installed.", "Press Install Backend in the add-on's preferences.")
    if not (place.source / "backend").is_dir():
        raise InputError(f"There is no backend in {place.source}.", "Install the extension again.")
    _forget_ended_children()
    make_private(place.state_dir, (BACKEND_LOCK, place.log_file.parent.name))
    make_private(place.log_file.parent, None)
    try:
        with open(place.start_log, "wb", opener=open_private) as log:
            process = subprocess.Popen(
                module_command(place.python, "backend", "serve", *_options(place)),
                cwd=place.state_dir,
                env=environment_of(place),
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
    return process


def _log_tail(place: BackendPlace) -> str:
    """The last of what it printed, or else logged: a backend that ends at its start says so on standard error."""
    for path in (place.start_log, place.log_file):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            continue
        if lines:
            return " / ".join(lines[-LOG_TAIL_LINES:])
    return "it left no log."


def _see(place: BackendPlace) -> str:
    return f"See {place.log_file}; if files are missing, install the backend again in the preferences."


def _has_ended(place: BackendPlace, pid: int) -> bool:
    """Whether nobody holds the lock of a living backend, or another one does by now."""
    if _is_free(place):
        return True
    try:
        return ReadyFile.read(place.ready_file).pid != pid
    except NotReady:
        return False


def _is_free(place: BackendPlace) -> bool:
    """Whether no backend holds a place's lock."""
    lock = FileLock(place.state_dir / BACKEND_LOCK)
    if lock.acquire():
        lock.release()
        return True
    return False


def _end(pid: int, number: int) -> None:
    """Signal the process that holds the backend's lock; so the id cannot have passed to another program."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise InternalError(f"The backend's process {pid} cannot be ended.", "End it in the task manager.") from error


def _options(place: BackendPlace) -> list[str]:
    own = ["--state-dir", str(place.state_dir), "--ready-file", str(place.ready_file)]
    return [*own, "--log-file", str(place.log_file), *place.options]


def environment_of(place: BackendPlace) -> dict[str, str]:
    """The backend's own environment: nothing of Blender's Python, and no files written beside its source."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONSTARTUP")}
    environment.update(
        PYTHONPATH=str(place.source),
        PYTHONSAFEPATH="1",
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
