"""The backend process: a ZeroMQ ROUTER on the loopback that runs jobs for the clients that know its token."""

from __future__ import annotations

import hmac
import importlib
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import zmq

from backend.settings import ServeSettings
from shared import protocol
from shared.errors import InputError
from shared.jobs import JobInfo, Progress
from shared.locking import FileLock
from shared.protocol import ErrorCode, ProtocolError
from shared.ready import BACKEND_LOCK, ReadyFile
from shared.version import VERSION

from .runner import JobRunner

log = logging.getLogger(__name__)

BUSY_POLL_MS = 40
IDLE_POLL_MS = 200
LOCK_TIMEOUT_S = 0.15
"""Seconds to try for the lock. Clients hold it for a moment to test whether a backend holds it."""


@dataclass
class _Client:
    """A client that has said HELLO."""

    name: str
    last_heard: float


class Server:
    """One backend. `run` serves until it is told to stop, or has been idle for long enough."""

    def __init__(self, state_dir: Path, ready_file: Path, settings: ServeSettings, verbs: str, version: str) -> None:
        self._state_dir = state_dir
        self._ready_file = ready_file
        self._settings = settings
        self._verbs = verbs
        self._version = version
        self._token = secrets.token_hex(32)
        self._clients: dict[bytes, _Client] = {}
        self._last_use = time.monotonic()
        self._last_beat = 0.0
        self._stop_reason = ""
        self._handlers: dict[type, Callable] = {
            protocol.Submit: self._submit,
            protocol.Cancel: self._cancel,
            protocol.Status: self._status,
            protocol.ListJobs: self._list,
            protocol.Heartbeat: self._heartbeat,
            protocol.Shutdown: self._shutdown,
        }

    def run(self) -> None:
        """Serve. Raises InputError if another backend holds the state folder or the address cannot be bound."""
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
        self._ready_file.unlink(missing_ok=True)  # left by a backend that was killed
        context = zmq.Context()
        try:
            self._socket = context.socket(zmq.ROUTER)
            self._serve()
        finally:
            context.destroy(linger=200)
            ReadyFile.remove(self._ready_file, os.getpid())
            lock.release()

    def stop(self, reason: str) -> None:
        """End `run` at its next turn."""
        self._stop_reason = reason

    def _serve(self) -> None:
        verb_names = frozenset(importlib.import_module(self._verbs).VERBS)
        port = self._bind()
        self._runner = JobRunner(
            self._state_dir, self._verbs, verb_names, self._settings, self._tell_change, self._tell_progress
        )
        ready = ReadyFile(self._settings.host, port, os.getpid(), self._token, protocol.PROTOCOL_VERSION, self._version)
        ready.write(self._ready_file)
        log.info("backend %s listens on %s, process %d", self._version, ready.endpoint, ready.pid)
        try:
            while not self._stop_reason:
                if self._socket.poll(BUSY_POLL_MS if self._runner.busy else IDLE_POLL_MS):
                    self._receive_all()
                self._runner.tick()
                self._keep_time()
        finally:
            self._runner.stop()
            for identity in list(self._clients):
                self._send(identity, protocol.Goodbye(self._stop_reason or "the backend failed"))
        log.info("backend ends: %s", self._stop_reason)

    def _bind(self) -> int:
        socket, host = self._socket, self._settings.host
        socket.setsockopt(zmq.MAXMSGSIZE, protocol.DROP_MESSAGE_BYTES)
        socket.setsockopt(zmq.SNDHWM, 10000)
        socket.setsockopt(zmq.SNDTIMEO, 0)
        socket.setsockopt(zmq.LINGER, 200)
        if ":" in host:
            socket.setsockopt(zmq.IPV6, 1)
        try:
            return socket.bind_to_random_port(f"tcp://[{host}]" if ":" in host else f"tcp://{host}")
        except zmq.ZMQError as error:
            raise InputError(f"The address {host} cannot be listened on ({error}).", "Use 127.0.0.1.") from error

    # Messages ------------------------------------------------------------------------------------------------------

    def _receive_all(self) -> None:
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._receive(frames[0], frames[1:])

    def _receive(self, identity: bytes, frames: list[bytes]) -> None:
        request = 0
        try:
            if len(frames) != 1:
                raise ProtocolError(ErrorCode.MALFORMED, f"A message is one frame, not {len(frames)}.")
            message, request = protocol.decode(frames[0])
            reply = self._answer(identity, message)
        except ProtocolError as error:
            log.warning("refused a message: %s %s", error.code, error)
            reply = protocol.error_reply(error)
            request = request or error.request
        except Exception as error:
            log.exception("a message could not be obeyed")
            reply = protocol.Error(
                str(ErrorCode.INTERNAL), f"{type(error).__name__}: {error}", "See the backend's log."
            )
        self._send(identity, reply, request)

    def _answer(self, identity: bytes, message: protocol.Message) -> protocol.Message:
        if isinstance(message, protocol.Hello):
            return self._hello(identity, message)
        if identity not in self._clients:
            raise ProtocolError(ErrorCode.HELLO_FIRST, "This client has not said HELLO.", "Say HELLO with the token.")
        self._clients[identity].last_heard = self._last_use = time.monotonic()
        handler = self._handlers.get(type(message))
        if handler is None:
            raise ProtocolError(ErrorCode.REFUSED, f"{type(message).__name__} is not for the backend to receive.")
        return handler(message)

    def _hello(self, identity: bytes, message: protocol.Hello) -> protocol.Message:
        if not hmac.compare_digest(message.token.encode(), self._token.encode()):
            raise ProtocolError(ErrorCode.WRONG_TOKEN, "The token is wrong.", "Read the ready file again.")
        self._clients[identity] = _Client(message.client, time.monotonic())
        log.info("client %r said HELLO", message.client)
        return protocol.Welcome(self._version, os.getpid())

    def _submit(self, message: protocol.Submit) -> protocol.Message:
        return protocol.Job(self._runner.submit(message.job_id, message.verb, message.arguments).to_dict())

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

    def _tell_change(self, job: JobInfo) -> None:
        message = protocol.Result if job.state.is_final else protocol.Job
        self._tell_all(message(job.to_dict()))

    def _tell_progress(self, job: JobInfo, progress: Progress) -> None:
        self._tell_all(protocol.ProgressNews(job.id, progress.to_dict()))

    def _tell_all(self, message: protocol.Message) -> None:
        for identity in list(self._clients):
            self._send(identity, message)

    def _send(self, identity: bytes, message: protocol.Message, request: int = 0) -> None:
        try:
            data = protocol.encode(message, request)
        except ProtocolError as error:
            log.warning("a reply could not be sent: %s", error)
            data = protocol.encode(protocol.error_reply(error), request)
        try:
            self._socket.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.Again:
            log.warning("a client does not read what it is sent, and is dropped")
            self._clients.pop(identity, None)

    # Time ----------------------------------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        now = time.monotonic()
        for identity, client in list(self._clients.items()):
            if now - client.last_heard > protocol.HEARTBEAT_TIMEOUT_S:
                log.info("client %r is gone", client.name)
                del self._clients[identity]
        if now - self._last_beat > protocol.HEARTBEAT_S:
            self._last_beat = now
            self._tell_all(protocol.Heartbeat())
        if self._clients or self._runner.busy:
            self._last_use = now
        elif 0 < self._settings.idle_timeout_s < now - self._last_use:
            self.stop(f"nobody used it for {self._settings.idle_timeout_s:g} s")


def serve(
    state_dir: Path,
    ready_file: Path,
    settings: ServeSettings | None = None,
    verbs: str = "backend.command.verbs",
    version: str = VERSION,
) -> None:
    """Run the backend in this process until it is told to stop.

    `state_dir` keeps jobs and logs, `ready_file` tells clients where it listens; `verbs` is the import path of a module
    with VERBS, a mapping from verb to function(arguments: dict, report: shared.jobs.Reporter) -> dict.
    Ends on SHUTDOWN, SIGINT, SIGTERM, or after `settings.idle_timeout_s` without clients and jobs.
    Raises InputError where the folder is in use or cannot be written, or the address cannot be bound.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    state_dir, ready_file = Path(state_dir).resolve(), Path(ready_file).resolve()
    server = Server(state_dir, ready_file, settings or ServeSettings(), verbs, version)

    def on_signal(number: int, frame: FrameType | None) -> None:
        server.stop(f"signal {signal.Signals(number).name}")

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
    server.run()
