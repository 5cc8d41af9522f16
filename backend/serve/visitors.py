"""The connections at a ROUTER's port: how many there are, who has been heard, and who is sent away.

ZeroMQ accepts whoever connects, as many as come, and tells only a monitor of it. So the monitor's events are counted
here, in a thread of its own that a busy server does not hold up, and a connection that is one too many, or that says
nothing for too long, is hung up on by the number of its descriptor. That number may have passed to a newer connection
of the same port in the meantime (then that one connects again), but to nothing else that could be hung up on: the
backend's process has no other connections.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import zmq

log = logging.getLogger(__name__)

STRANGER_S = 5.0
"""A connection that has not been greeted after so long is hung up on, seconds."""
LOOK_MS = 100
"""How often the thread looks at the time, where nobody comes or goes."""
EVENTS_A_LOOK = 500
_EVENT = struct.Struct("=hi")


@dataclass
class Visitor:
    """A connection. `greeted`: it has the key and has said HELLO. `announced`: the monitor has told of its coming."""

    descriptor: int
    announced: bool
    since: float = field(default_factory=time.monotonic)
    greeted: bool = False
    leaving: bool = False


class Visitors:
    """All connections of one socket, by their descriptors. `close` it before the socket's context."""

    def __init__(self, context: zmq.Context, watched: zmq.Socket, most_strangers: int) -> None:
        """`watched` is not bound yet. At most `most_strangers` connections may be there that were not greeted."""
        self._most_strangers = most_strangers
        self._lock = threading.Lock()
        self._there: dict[int, Visitor] = {}
        self._gone: set[int] = set()
        address = f"inproc://visitors-{id(self)}"
        watched.monitor(address, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._monitor = context.socket(zmq.PAIR)
        self._monitor.rcvhwm = 0  # ZeroMQ's own thread would wait for us to read
        self._monitor.linger = 0
        self._monitor.connect(address)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="visitors", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Blocks for LOOK_MS at most."""
        self._is_over.set()
        self._thread.join()

    def greet(self, descriptor: int) -> None:
        """A connection is no stranger any more."""
        with self._lock:
            self._there.setdefault(descriptor, Visitor(descriptor, announced=False)).greeted = True

    def gone(self) -> set[int]:
        """The descriptors of connections that have ended since the last call."""
        with self._lock:
            gone, self._gone = self._gone, set()
        return gone

    def hang_up(self, descriptor: int) -> None:
        """End a connection."""
        with self._lock:
            self._hang_up(descriptor)

    def hang_up_all(self) -> None:
        """End every connection."""
        with self._lock:
            for descriptor in self._there:
                self._hang_up(descriptor)

    def _watch(self) -> None:
        while not self._is_over.is_set():
            self._monitor.poll(LOOK_MS)
            with self._lock:
                for _ in range(EVENTS_A_LOOK):
                    if not self._take_event():
                        break
                self._send_away()
        self._monitor.close()

    def _take_event(self) -> bool:
        try:
            event, descriptor = _EVENT.unpack(self._monitor.recv_multipart(zmq.NOBLOCK)[0])
        except zmq.Again:
            return False
        there = self._there.get(descriptor)
        if event == zmq.EVENT_DISCONNECTED:
            self._there.pop(descriptor, None)
            self._gone.add(descriptor)
        elif there is not None and not there.announced:  # its first message was quicker
            there.announced = True
        else:
            self._there[descriptor] = Visitor(descriptor, announced=True)
        return True

    def _send_away(self) -> None:
        now = time.monotonic()
        strangers = [visitor for visitor in self._there.values() if not visitor.greeted and not visitor.leaving]
        too_many = len(strangers) - self._most_strangers
        for index, visitor in enumerate(strangers):  # the oldest first: one with a key is greeted in milliseconds
            if index < too_many or now - visitor.since > STRANGER_S:
                self._hang_up(visitor.descriptor)

    def _hang_up(self, descriptor: int) -> None:
        visitor = self._there.get(descriptor)
        if visitor is not None:
            visitor.leaving = True
        with contextlib.suppress(OSError):  # it has ended by itself
            connection = socket.socket(fileno=descriptor)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()
