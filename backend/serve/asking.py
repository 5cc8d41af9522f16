"""A client of a running backend that asks and waits: for the command line."""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType
from typing import Any, TypeVar

import zmq

from shared import protocol
from shared.errors import InputError
from shared.protocol import Message, ProtocolError
from shared.ready import ReadyFile

ANSWER_S = 3.0
"""A backend that has not answered by then is taken for dead."""
_PROBE_S = 1.0
_DEAD = ("No backend runs there any more (process {}, {}).", "Start it again: talker serve, or Blender's panel.")

Answer = TypeVar("Answer", bound=Message)


class Asking:
    """A greeted connection. A context manager; raises InputError where no backend answers or it refuses."""

    def __init__(self, ready: ReadyFile) -> None:
        """ready: as the backend wrote it, or as its owner handed it over."""
        if ready.protocol != protocol.PROTOCOL_VERSION:
            what = f"The backend speaks protocol {ready.protocol}, this command {protocol.PROTOCOL_VERSION}."
            raise InputError(what, "Use the talker of the backend's version, or start the backend again.")
        self._ready = ready
        self._request = 0
        self._context = zmq.Context()

    def __enter__(self) -> Asking:
        ready = self._ready
        try:
            socket.create_connection((ready.host, ready.port), _PROBE_S).close()
        except OSError as error:
            self._context.destroy(linger=0)
            raise self._dead() from error
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.maxmsgsize = protocol.MAX_MESSAGE_BYTES + protocol.FRAME_BYTES
        self._socket.ipv6 = ":" in ready.host
        self._socket.curve_serverkey = ready.server_key.encode("ascii")
        self._socket.curve_publickey = ready.client_key.encode("ascii")
        self._socket.curve_secretkey = ready.client_secret.encode("ascii")
        self._socket.connect(ready.endpoint)
        try:
            self.ask(protocol.Hello(f"talker jobs {os.getpid()}"), protocol.Welcome)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=0)

    def ask(self, message: Message, wanted: type[Answer]) -> Answer:
        """The answer to a message. Raises InputError as the backend refuses it."""
        self._request += 1
        try:
            self._socket.send(protocol.encode(message, self._request))
        except ProtocolError as error:
            raise InputError(error.what, error.do) from error
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            answer, request = self._hear(deadline)
            if request != self._request:
                continue
            if isinstance(answer, protocol.Error):
                raise InputError(answer.what, answer.do)
            if isinstance(answer, wanted):
                return answer
        raise self._dead()

    def news_of(self, job_id: str, within_s: float) -> dict[str, Any] | None:
        """How a job has ended, once it has; None if it has not within so many seconds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            news, _ = self._hear(deadline)
            if isinstance(news, protocol.Result) and news.job.get("id") == job_id:
                return news.job
        return None

    def _hear(self, deadline: float) -> tuple[Message | None, int]:
        """The next message, None if none comes in time."""
        if not self._socket.poll(max(0, int(1000 * (deadline - time.monotonic())))):
            return None, -1
        try:
            return protocol.decode(self._socket.recv())
        except ProtocolError as error:
            raise InputError(error.what, error.do) from error

    def _dead(self) -> InputError:
        what, do = _DEAD
        return InputError(what.format(self._ready.pid, self._ready.endpoint), do)
