"""One connection to a backend: a DEALER socket that is polled, never waited for without a time-out.

Everything runs in the caller's thread: ZeroMQ moves the bytes in a thread of its own, so a timer may poll this without
freezing a window. zmq is imported at first use, because Blender keeps one folder of wheels for all extensions.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..shared import protocol
from ..shared.errors import InternalError, TalkerError
from ..shared.protocol import ErrorCode, Message, ProtocolError
from ..shared.ready import ReadyFile

if TYPE_CHECKING:
    import zmq

OLDEST_ZMQ = (25, 0)


class ConnectionLost(TalkerError):
    """The backend does not answer."""


class Refused(TalkerError):
    """The backend answered with an ERROR; `code` is its ErrorCode, `request` the number of the message refused."""

    def __init__(self, code: str, what: str, do: str, request: int = 0) -> None:
        super().__init__(what, do)
        self.code = code
        self.request = request


def import_zmq():
    """The zmq module. Raises InternalError where it is missing or too old."""
    try:
        import zmq
    except ImportError as error:
        raise InternalError(f"ZeroMQ cannot be loaded ({error}).", "Install the extension again.") from error
    if zmq.pyzmq_version_info()[:2] < OLDEST_ZMQ:
        raise InternalError(
            f"Another extension brings an old ZeroMQ ({zmq.pyzmq_version()}).",
            f"Update that extension; {'.'.join(map(str, OLDEST_ZMQ))} or newer is needed.",
        )
    return zmq


class Connection:
    """A greeted connection. Make it with `open`; close it when done, or the process hangs at its end."""

    def __init__(self, context: zmq.Context, socket: zmq.Socket, ready: ReadyFile) -> None:
        self._context = context
        self._socket = socket
        self.ready = ready
        self.version = ""
        self._zmq = import_zmq()
        self._request = 0
        self._last_heard = time.monotonic()
        self._last_beat = time.monotonic()

    @classmethod
    def open(cls, ready: ReadyFile, client: str = "blender", timeout_s: float = 3.0) -> Connection:
        """Connect and say HELLO.

        Raises ConnectionLost when nobody answers within `timeout_s`, Refused (WRONG_TOKEN, WRONG_VERSION) when the
        backend does not want us.
        """
        if ready.protocol != protocol.PROTOCOL_VERSION:
            raise Refused(
                str(ErrorCode.WRONG_VERSION),
                f"The running backend speaks protocol {ready.protocol}, this add-on {protocol.PROTOCOL_VERSION}.",
                "Stop the backend, then start it again.",
            )
        zmq = import_zmq()
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDTIMEO, 0),
            (zmq.RCVTIMEO, 0),
            (zmq.MAXMSGSIZE, protocol.DROP_MESSAGE_BYTES),
            (zmq.IPV6, int(":" in ready.host)),
        ):
            socket.setsockopt(option, value)
        connection = cls(context, socket, ready)
        try:
            socket.connect(ready.endpoint)
            number = connection.send(protocol.Hello(ready.token, client))
            answer = connection.wait_for(number, timeout_s)
            if not isinstance(answer, protocol.Welcome):
                raise InternalError(f"The backend answered HELLO with {type(answer).__name__}.", "Start it again.")
        except BaseException:
            connection.close()
            raise
        connection.version = answer.version
        return connection

    def close(self) -> None:
        """Close the socket. Unsent messages are dropped."""
        self._context.destroy(linger=0)

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
        """All messages that are there, with the numbers of the requests they answer; waits `timeout_s` for the first.

        Sends a heartbeat when one is due. Heartbeats and messages that cannot be read are not returned.
        """
        self._beat()
        found = []
        if self._socket.poll(int(timeout_s * 1000)):
            while True:
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

    def wait_for(self, request: int, timeout_s: float) -> Message:
        """The answer to a request; other messages that arrive meanwhile are dropped, so use it before polling only.

        Raises Refused for an ERROR, ConnectionLost after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            for message, number in self.poll(min(left_s, 0.25)):
                if isinstance(message, protocol.Error) and number in (request, 0):
                    raise Refused(message.code, message.what, message.do, number)
                if number == request:
                    return message
        raise ConnectionLost(f"The backend did not answer within {timeout_s:g} s.", "Start the backend again.")

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._last_beat > protocol.HEARTBEAT_S:
            self._last_beat = now
            self.send(protocol.Heartbeat())
