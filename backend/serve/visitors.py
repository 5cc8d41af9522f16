"""The connections at a ROUTER's port: how many there are, who has been heard, and who is sent away.

ZeroMQ accepts whoever connects, as many as come, and tells only a monitor of it. So the monitor's events are counted
here, and a connection that is one too many, or that says nothing for too long, is hung up on by the number of its
descriptor. That number may have passed to a newer connection of the same port in the meantime (then that one connects
again), but to nothing else that could be hung up on: the backend's process has no other connections.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from dataclasses import dataclass, field

import zmq

log = logging.getLogger(__name__)

STRANGER_S = 5.0
"""A connection that has not been greeted after so long is hung up on, seconds."""
EVENTS_A_TURN = 2000
"""As many of the monitor's events are taken in at once."""
_EVENT = struct.Struct("=hi")


@dataclass
class Visitor:
    """A connection. `greeted`: it has the key and has said HELLO."""

    descriptor: int
    since: float = field(default_factory=time.monotonic)
    greeted: bool = False
    leaving: bool = False


class Visitors:
    """All connections of one socket, by their descriptors."""

    def __init__(self, context: zmq.Context, watched: zmq.Socket, most_strangers: int) -> None:
        """`watched` is not bound yet. At most `most_strangers` connections may be there that were not greeted."""
        self._most_strangers = most_strangers
        self._there: dict[int, Visitor] = {}
        self._gone: list[int] = []
        self.turned_away = 0
        """How many connections were one too many."""
        address = f"inproc://visitors-{id(self)}"
        watched.monitor(address, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self.monitor = context.socket(zmq.PAIR)
        self.monitor.rcvhwm = 0  # ZeroMQ's own thread would wait for us to read
        self.monitor.connect(address)

    def look(self) -> None:
        """Take in who has come and gone, and send away those who are too many or stay too long."""
        for _ in range(EVENTS_A_TURN):
            if not self._take_event():
                break
        now = time.monotonic()
        strangers = [v for v in self._there.values() if not v.greeted and not v.leaving]
        too_many = len(strangers) - self._most_strangers
        for index, visitor in enumerate(strangers):  # the oldest first: one with a key is greeted in milliseconds
            if index < too_many or now - visitor.since > STRANGER_S:
                self.turned_away += index < too_many
                self.hang_up(visitor.descriptor)

    def heard(self, descriptor: int) -> Visitor:
        """The connection that a message came from."""
        while descriptor not in self._there and self._take_event():
            pass  # its coming was told before its message, perhaps after our last look
        return self._there.setdefault(descriptor, Visitor(descriptor))

    def gone(self) -> list[int]:
        """The descriptors of connections that have ended since the last call."""
        gone, self._gone = self._gone, []
        return gone

    def hang_up(self, descriptor: int) -> None:
        """End a connection."""
        visitor = self._there.get(descriptor)
        if visitor is not None:
            visitor.leaving = True
        with contextlib.suppress(OSError):  # it has ended by itself
            connection = socket.socket(fileno=descriptor)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()

    def hang_up_all(self) -> None:
        """End every connection."""
        for descriptor in list(self._there):
            self.hang_up(descriptor)

    def _take_event(self) -> bool:
        try:
            event, descriptor = _EVENT.unpack(self.monitor.recv_multipart(zmq.NOBLOCK)[0])
        except zmq.Again:
            return False
        if event == zmq.EVENT_ACCEPTED:
            self._there[descriptor] = Visitor(descriptor)
        elif self._there.pop(descriptor, None) is not None:
            self._gone.append(descriptor)
        return True
