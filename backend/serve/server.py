"""The backend process: it hears the clients that its door lets in, and runs their jobs."""

from __future__ import annotations

import importlib
import ipaddress
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import zmq

from backend.settings import ServeSettings
from shared import protocol
from shared.errors import InputError
from shared.files import explaining
from shared.jobs import JobInfo, Progress
from shared.locking import FileLock
from shared.private import make_private
from shared.protocol import ErrorCode, ProtocolError, brief
from shared.ready import BACKEND_LOCK, ReadyFile
from shared.version import VERSION

from .clients import Client, Clients
from .door import Door, Heard
from .jobstore import OURS
from .keys import KeyFolder, Keyring
from .live import LiveHeads
from .logs import log_to
from .own_limits import most_connections, resident_bytes
from .runner import JobRunner

log = logging.getLogger(__name__)

HEADS = "backend.deliver.live_head"
"""What opens live heads, in a process of its own: this one never imports torch."""
BUSY_POLL_MS = 40
IDLE_POLL_MS = 200
LOCK_TIMEOUT_S = 0.15
"""Seconds to try for the lock. Clients hold it for a moment to test whether a backend holds it."""
MOST_GROWTH_BYTES = 64 << 20
"""If this process has grown by so much while it served, whoever is connected is hung up on: a client with a key may be
sending one message without an end, which ZeroMQ keeps for us and does not show. Honest clients connect again."""
GROWTH_CHECK_S = 0.1


class Server:
    """One backend. `run` serves until it is told to stop, or has been idle for long enough."""

    def __init__(
        self,
        state_dir: Path,
        ready_file: Path,
        settings: ServeSettings,
        verbs: str,
        version: str,
        keys: Path | None = None,
        heads: str = HEADS,
    ) -> None:
        """`keys`: a folder of keys for clients on other machines (backend.serve.keys); `heads`: what opens live heads
        (backend.serve.live_worker). Raises InputError."""
        self._state_dir = state_dir
        self._ready_file = ready_file
        self._settings = settings
        self._verbs = verbs
        self._version, self._heads = version, heads
        if keys is None and not _is_loopback(settings.host):
            raise InputError(
                f"The address {settings.host} is open to other machines, and nobody has a key.",
                "Make keys (talker keys FOLDER) and name them (--keys FOLDER), or listen on 127.0.0.1.",
            )
        self._keyring = Keyring(None if keys is None else KeyFolder(keys))
        self._most_strangers, self._most_clients = most_connections(settings.most_clients)
        self._last_use = time.monotonic()
        self._last_beat = 0.0
        self._last_size = 0
        self._last_weighed = 0.0
        self._stop_reason = ""
        self._handlers: dict[type, Callable] = {
            protocol.Cancel: self._cancel,
            protocol.Status: self._status,
            protocol.ListJobs: self._list,
            protocol.Heartbeat: self._heartbeat,
            protocol.Shutdown: self._shutdown,
        }

    def run(self) -> None:
        """Serve. Raises InputError if another backend holds the state folder or the address cannot be bound."""
        make_private(self._state_dir, OURS)
        lock = FileLock(self._state_dir / BACKEND_LOCK)
        try:
            held = lock.acquire(LOCK_TIMEOUT_S)
        except OSError as error:
            raise InputError(
                f"The folder {self._state_dir} cannot be written ({error.strerror}).", "Choose another --state-dir."
            ) from error
        if not held:
            raise InputError(
                f"A backend already runs on {self._state_dir}.", "Use it, or stop it before starting another."
            )
        try:
            with explaining(self._ready_file):
                self._ready_file.unlink(missing_ok=True)  # left by a backend that was killed
            self._open_and_serve()
        finally:
            ReadyFile.remove(self._ready_file, os.getpid())
            lock.release()

    def stop(self, reason: str) -> None:
        """End `run` at its next turn."""
        self._stop_reason = reason

    def _open_and_serve(self) -> None:
        context = zmq.Context()
        try:
            self._door = Door(context, self._keyring, self._most_strangers)
            try:
                self._clients = Clients(self._door, self._most_clients)
                self._serve()
            finally:
                self._door.close()
        finally:
            context.destroy(linger=200)

    def _serve(self) -> None:
        verb_names = frozenset(importlib.import_module(self._verbs).VERBS)
        host = self._settings.host
        port = self._door.open(host, self._settings.port)
        self._runner = JobRunner(
            self._state_dir, self._verbs, verb_names, self._settings, self._tell_change, self._tell_progress
        )
        self._live = LiveHeads(self._state_dir, self._settings, self._tell, self._door.bell.ring, self._heads)
        server, client = self._keyring.server, self._keyring.client
        own_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        ready = ReadyFile(
            own_host, port, os.getpid(), server.public, client.public, client.secret, protocol.PROTOCOL_VERSION,
            self._version,
        )  # fmt: skip
        with explaining(self._ready_file):
            ready.write(self._ready_file)
        log.info("backend %s listens on %s, process %d", self._version, ready.endpoint, ready.pid)
        try:
            while not self._stop_reason:
                self._door.wait(BUSY_POLL_MS if self._runner.busy else IDLE_POLL_MS)
                self._clients.forget_gone()
                for heard in self._door.receive():
                    self._take(heard)
                self._live.tick(self._clients.connections())
                self._runner.tick()
                self._keep_time()
        finally:
            self._live.stop()
            self._runner.stop()
            self._tell_all(protocol.Goodbye(self._stop_reason or "the backend failed"))
        log.info("backend ends: %s", self._stop_reason)

    # Messages ------------------------------------------------------------------------------------------------------

    def _take(self, heard: Heard) -> None:
        request = 0
        reply: protocol.Message | None
        try:
            if heard.data is None:
                raise ProtocolError(ErrorCode.MALFORMED, "A message is one frame.")
            client = self._clients.of(heard)
            if client is not None:
                client.speak()
            message, request = protocol.decode(heard.data, protocol.MAX_REQUEST_BYTES)
            reply = self._answer(heard, client, message, request)
        except ProtocolError as error:
            log.warning("refused a message: %s %s", error.code, error)
            reply = protocol.error_reply(error)
            request = request or error.request
        except Exception as error:
            log.exception("a message could not be obeyed")
            reply = protocol.Error(
                str(ErrorCode.INTERNAL), f"{type(error).__name__}: {brief(error)}", "See the backend's log."
            )
        if reply is not None:
            self._tell(heard.route, reply, request)

    def _answer(
        self, heard: Heard, client: Client | None, message: protocol.Message, request: int
    ) -> protocol.Message | None:
        """The answer to a message; None where it comes later, or not at all."""
        if isinstance(message, protocol.Hello):
            self._clients.greet(heard, message.client)
            return protocol.Welcome(self._version, os.getpid())
        if client is None:
            raise ProtocolError(ErrorCode.HELLO_FIRST, "This client has not said HELLO.", "Say HELLO.")
        self._last_use = time.monotonic()
        if isinstance(message, protocol.Submit):
            return self._submit(message, client)
        if isinstance(message, protocol.Draw):
            self._live.draw(client, request, message)
            return None
        if isinstance(message, protocol.LiveOpen):
            return self._live.open(client, heard.route, message)
        if isinstance(message, protocol.LiveClose):
            return self._live.close(client)
        handler = self._handlers.get(type(message))
        if handler is None:
            raise ProtocolError(ErrorCode.REFUSED, f"{type(message).__name__} is not for the backend to receive.")
        return handler(message)

    def _submit(self, message: protocol.Submit, client: Client) -> protocol.Message:
        job = self._runner.submit(message.job_id, message.verb, message.arguments, client.name)
        return protocol.Job(job.to_dict())

    def _cancel(self, message: protocol.Cancel) -> protocol.Message:
        return protocol.Job(self._runner.cancel(message.job_id).to_dict())

    def _status(self, message: protocol.Status) -> protocol.Message:
        return protocol.Job(self._runner.find(message.job_id).to_dict())

    def _list(self, message: protocol.ListJobs) -> protocol.Message:
        jobs = self._runner.store.jobs.values()
        return protocol.Jobs([{**job.to_dict(), "arguments": {}, "result": None} for job in jobs])

    def _heartbeat(self, message: protocol.Heartbeat) -> protocol.Message:
        return protocol.Heartbeat()

    def _shutdown(self, message: protocol.Shutdown) -> protocol.Message:
        self.stop("a client asked for it")
        return protocol.Goodbye(self._stop_reason)

    def _tell(self, route: bytes, message: protocol.Message, request: int) -> None:
        self._clients.tell(route, _encoded(message, request))

    def _tell_change(self, job: JobInfo) -> None:
        message = protocol.Result if job.state.is_final else protocol.Job
        self._tell_all(message(job.to_dict()))

    def _tell_progress(self, job: JobInfo, progress: Progress) -> None:
        self._tell_all(protocol.ProgressNews(job.id, progress.to_dict()))

    def _tell_all(self, message: protocol.Message) -> None:
        if len(self._clients):
            self._clients.tell_all(_encoded(message, 0))

    # Time ----------------------------------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        now = time.monotonic()
        self._clients.forget_silent()
        if now - self._last_weighed > GROWTH_CHECK_S:
            self._last_weighed = now
            self._watch_size()
        if now - self._last_beat > protocol.HEARTBEAT_S:
            self._last_beat = now
            self._tell_all(protocol.Heartbeat())
        if len(self._clients) or self._runner.busy:
            self._last_use = now
        elif 0 < self._settings.idle_timeout_s < now - self._last_use:
            self.stop(f"nobody used it for {self._settings.idle_timeout_s:g} s")

    def _watch_size(self) -> None:
        size = resident_bytes()
        if size is None:
            return
        if not self._last_size or size < self._last_size:
            self._last_size = size
        elif size - self._last_size > MOST_GROWTH_BYTES:
            grown = (size - self._last_size) >> 20
            log.warning("the backend has grown by %d MiB: all clients have to connect again", grown)
            self._last_size = size
            self._door.visitors.hang_up_all()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _encoded(message: protocol.Message, request: int) -> bytes:
    """A message as bytes; one that cannot be sent becomes an error that says so."""
    try:
        return protocol.encode(message, request)
    except ProtocolError as error:
        log.warning("a reply could not be sent: %s", error)
        return protocol.encode(protocol.error_reply(error), request)


def serve(
    state_dir: Path,
    ready_file: Path,
    settings: ServeSettings | None = None,
    verbs: str = "backend.command.verbs",
    version: str = VERSION,
    keys: Path | None = None,
    log_file: Path | None = None,
    heads: str = HEADS,
) -> None:
    """Run the backend in this process until it is told to stop.

    `state_dir` keeps jobs and logs, `ready_file` tells clients where it listens; `verbs` is the import path of a module
    with VERBS, a mapping from verb to function(arguments: dict, report: shared.jobs.Reporter) -> dict. `keys` is a
    folder of keys for clients on other machines; `log_file` what to log to (None: standard error); `heads` the import
    path of what opens live heads (backend.serve.live_worker).
    Ends on SHUTDOWN, SIGINT, SIGTERM, or after `settings.idle_timeout_s` without clients and jobs.
    Raises InputError where the folder is in use or cannot be written, or the address cannot be bound.
    """
    state_dir, ready_file = Path(state_dir).resolve(), Path(ready_file).resolve()
    make_private(state_dir, OURS)
    with explaining(log_file or state_dir):
        log_to(log_file)
    server = Server(state_dir, ready_file, settings or ServeSettings(), verbs, version, keys, heads)

    def on_signal(number: int, frame: FrameType | None) -> None:
        server.stop(f"signal {signal.Signals(number).name}")

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
    server.run()
