"""One connection to a backend: a DEALER socket that is polled; only `open` and a poll with a time-out wait.

ZeroMQ moves the bytes in a thread of its own, so a timer may poll this without freezing a window. zmq is imported at
first use, because Blender keeps one folder of wheels for all extensions; client.process does so in a thread.
"""

from __future__ import annotations

import atexit
import os
import time
import types
from typing import TYPE_CHECKING

from ..shared import protocol
from ..shared.errors import InternalError, TalkerError
from ..shared.protocol import ErrorCode, Message, ProtocolError
from ..shared.ready import ReadyFile

if TYPE_CHECKING:
    import zmq

OLDEST_ZMQ = (25, 0)
MOST_MESSAGES = 100
"""Taken in at one poll, so that a long silence of ours does not end in one long turn; the rest is there at the next."""
CLIENT_NAME = f"blender {os.getpid()}"
"""What this process is called at the backend: in its log, and where clients take turns."""
_WAIT_S = 0.1


class ConnectionLost(TalkerError):
    """The backend does not answer."""


class Refused(TalkerError):
    """The backend answered with an ERROR; `code` is its ErrorCode, `request` the number of the message refused."""

    def __init__(self, code: str, what: str, do: str, request: int = 0) -> None:
        super().__init__(what, do)
        self.code = code
        self.request = request


def import_zmq() -> types.ModuleType:
    """The zmq module. Raises InternalError where it is missing, too old, or built without CURVE."""
    try:
        import zmq
    except ImportError as error:
        raise InternalError(f"ZeroMQ cannot be loaded ({error}).", "Install the extension again.") from error
    if zmq.pyzmq_version_info()[:2] < OLDEST_ZMQ:
        raise InternalError(
            f"Another extension brings an old ZeroMQ ({zmq.pyzmq_version()}).",
            f"Update that extension; {'.'.join(map(str, OLDEST_ZMQ))} or newer is needed.",
        )
    if not zmq.has("curve"):
        raise InternalError(
            f"The ZeroMQ that was loaded from {zmq.__file__} has no encryption (CURVE).",
            "Disable the extension that brings it, or let it take the published wheels of pyzmq, which have it.",
        )
    return zmq


_contexts: list[zmq.Context] = []
"""This process's one ZeroMQ context, once it is needed: closing a socket of it waits for nothing."""


def _context() -> zmq.Context:
    if not _contexts:
        _contexts.append(import_zmq().Context())
        atexit.register(end)
    return _contexts[0]


def end() -> None:
    """Close every socket and the context, or the process would hang at its end. Blocks for some milliseconds."""
    while _contexts:
        _contexts.pop().destroy(linger=0)
    atexit.unregister(end)


class Connection:
    """A connection to one backend. `begin` says HELLO, `is_greeted` hears the answer; `open` does both and blocks."""

    def __init__(self, ready: ReadyFile) -> None:
        """A socket on its way to the backend, that has said nothing yet.

        ZeroMQ gives nothing of what is sent to who answers without the backend's secret key: the port may be another
        program's by now.
        """
        self._zmq = import_zmq()
        self._socket = _context().socket(self._zmq.DEALER)
        for option, value in (
            (self._zmq.LINGER, 0),
            (self._zmq.SNDTIMEO, 0),
            (self._zmq.RCVTIMEO, 0),
            (self._zmq.MAXMSGSIZE, protocol.MAX_MESSAGE_BYTES + protocol.FRAME_BYTES),
            (self._zmq.IPV6, int(":" in ready.host)),
            (self._zmq.CURVE_SERVERKEY, ready.server_key.encode("ascii")),
            (self._zmq.CURVE_PUBLICKEY, ready.client_key.encode("ascii")),
            (self._zmq.CURVE_SECRETKEY, ready.client_secret.encode("ascii")),
        ):
            self._socket.setsockopt(option, value)
        self._socket.connect(ready.endpoint)
        self.ready = ready
        self.version = ""
        """The backend's version, "" before it has answered HELLO."""
        self._request = 0
        self._hello = 0
        self._unread: list[tuple[Message, int]] = []
        """Messages that came together with the answer to HELLO."""
        self._last_heard = time.monotonic()
        self._last_beat = time.monotonic()

    @classmethod
    def begin(cls, ready: ReadyFile, client: str = CLIENT_NAME) -> Connection:
        """Connect and say HELLO, without waiting for the answer.

        Raises Refused (WRONG_VERSION) where the ready file already says that the backend speaks another protocol, and
        ConnectionLost where who has its port hangs up at once.
        """
        if ready.protocol != protocol.PROTOCOL_VERSION:
            raise Refused(
                str(ErrorCode.WRONG_VERSION),
                f"The running backend speaks protocol {ready.protocol}, this add-on {protocol.PROTOCOL_VERSION}.",
                "Stop the backend, then start it again.",
            )
        connection = cls(ready)
        try:
            connection._hello = connection.send(protocol.Hello(client))
        except ConnectionLost:
            connection.close()
            raise
        return connection

    def is_greeted(self, wait_s: float = 0.0) -> bool:
        """Whether the backend has answered HELLO; waits `wait_s` at most.

        Raises Refused (WRONG_VERSION, or REFUSED where too many are connected) when the backend does not want us.
        """
        if self.version:
            return True
        messages = self.poll(wait_s)
        for index, (message, number) in enumerate(messages):
            if isinstance(message, protocol.Error) and number in (self._hello, 0):
                raise Refused(message.code, message.what, message.do, number)
            if isinstance(message, protocol.Welcome):
                self.version = message.version
                self._unread = messages[index + 1 :]
                return True
        return False

    @classmethod
    def open(cls, ready: ReadyFile, client: str = CLIENT_NAME, timeout_s: float = 3.0) -> Connection:
        """`begin`, and block until the backend has answered.

        Raises ConnectionLost when nobody answers within `timeout_s`, Refused as `is_greeted` does.
        """
        connection = cls.begin(ready, client)
        deadline = time.monotonic() + timeout_s
        try:
            while not connection.is_greeted(_WAIT_S):
                if time.monotonic() > deadline:
                    raise ConnectionLost(
                        f"The backend did not answer within {timeout_s:g} s.", "Start the backend again."
                    )
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the socket; returns at once. Unsent messages are dropped."""
        self._socket.close(linger=0)

    @property
    def silence_s(self) -> float:
        """Seconds since the backend was last heard."""
        return time.monotonic() - self._last_heard

    def send(self, message: Message) -> int:
        """Send without waiting; the request number, which the reply will carry.

        Raises ConnectionLost when nothing can be sent, ProtocolError when the message is too large.
        """
        self._request += 1
        data = protocol.encode(message, self._request)
        try:
            self._socket.send(data, self._zmq.NOBLOCK)
        except self._zmq.ZMQError as error:
            raise ConnectionLost(f"The backend takes no messages ({error}).", "Start the backend again.") from error
        return self._request

    def poll(self, timeout_s: float = 0.0) -> list[tuple[Message, int]]:
        """Messages that are there, MOST_MESSAGES at most, with the numbers of the requests they answer; waits
        `timeout_s` for the first.

        Sends a heartbeat when one is due. Heartbeats and messages that cannot be read are not returned.
        """
        self._beat()
        found, self._unread = self._unread, []
        if self._socket.poll(0 if found else int(timeout_s * 1000)):
            for _ in range(MOST_MESSAGES):
                try:
                    data = self._socket.recv(self._zmq.NOBLOCK)
                except self._zmq.Again:
                    break
                self._last_heard = time.monotonic()
                try:
                    message, request = protocol.decode(data)
                except ProtocolError as error:
                    message, request = protocol.error_reply(error), error.request
                if not isinstance(message, protocol.Heartbeat):
                    found.append((message, request))
        return found

    def wait(self, timeout_s: float) -> None:
        """Block until something has come, at most `timeout_s`."""
        self._socket.poll(int(timeout_s * 1000))

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._last_beat > protocol.HEARTBEAT_S:
            self._last_beat = now
            self.send(protocol.Heartbeat())
