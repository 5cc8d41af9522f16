"""The backend's door: one ROUTER socket behind CURVE, on which nobody is heard who has not one of our keys.

Who has no key never gets past ZeroMQ's handshake: nothing of what they send reaches this code. What a turn of the
server's loop takes in is bounded, however much lies there.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import zmq
from zmq.utils import z85

from shared import protocol
from shared.errors import InputError

from .bell import Bell
from .keys import Keyring
from .visitors import Visitors

log = logging.getLogger(__name__)

TURN_MESSAGES = 100
TURN_S = 0.05
"""A turn takes in so many messages at most, and none after so many seconds: jobs and heartbeats have theirs too."""
HANDSHAKE_MS = 3000
ZAP_REQUESTS_A_TURN = 20
QUEUED_IN = 64
"""Messages of one client that wait to be heard; then ZeroMQ stops reading from it."""
QUEUED_OUT = 1000
"""Messages that wait for one client to read them; then it counts as gone."""


class Gone(Exception):
    """The receiver has left, or does not read what it is sent."""


@dataclass(frozen=True)
class Heard:
    """A message. `route`: where an answer goes. `connection`: which connection it came by, as no other has ever had.
    `descriptor`: that connection's present number. `key_name`: whose key it used. `data`: None for several frames."""

    route: bytes
    connection: str
    descriptor: int
    key_name: str
    data: bytes | None


class Door:
    """The socket. `wait` for something, then `receive`, and `send`."""

    def __init__(self, context: zmq.Context, keyring: Keyring, most_strangers: int) -> None:
        self._keyring = keyring
        self._numbers = itertools.count(1)
        self._guard = context.socket(zmq.REP)  # ZeroMQ asks it about each key (RFC 27, ZAP)
        self._guard.linger = 0
        self._guard.bind("inproc://zeromq.zap.01")
        self._socket = context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.CURVE_SERVER, 1),
            (zmq.CURVE_SECRETKEY, keyring.server.secret.encode("ascii")),
            (zmq.ZAP_DOMAIN, b"talker"),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.MAXMSGSIZE, protocol.MAX_REQUEST_BYTES + protocol.FRAME_BYTES),
            (zmq.RCVHWM, QUEUED_IN),
            (zmq.SNDHWM, QUEUED_OUT),
            (zmq.SNDTIMEO, 0),
            (zmq.LINGER, 200),
            (zmq.ROUTER_MANDATORY, 1),  # or what cannot be sent would be dropped without a word
        ):
            self._socket.setsockopt(option, value)
        self.visitors = Visitors(context, self._socket, most_strangers)
        self.bell = Bell()
        self._poller = zmq.Poller()
        for polled in (self._socket, self._guard, self.bell.heard):
            self._poller.register(polled, zmq.POLLIN)

    def close(self) -> None:
        """End what watches the socket; the socket is left to its context."""
        self.visitors.close()
        self.bell.close()

    def open(self, host: str, port: int = 0) -> int:
        """Listen; the port (0: a free one is taken). Raises InputError where that cannot be."""
        address = f"tcp://[{host}]" if ":" in host else f"tcp://{host}"
        self._socket.setsockopt(zmq.IPV6, int(":" in host))
        try:
            if not port:
                return self._socket.bind_to_random_port(address)
            self._socket.bind(f"{address}:{port}")
        except zmq.ZMQError as error:
            where = f"{host}, port {port}," if port else host
            raise InputError(f"The address {where} cannot be listened on ({error}).", "Use 127.0.0.1.") from error
        return port

    def wait(self, timeout_ms: int) -> None:
        """Block until there is something or the bell rings, `timeout_ms` at most; let in who has a key."""
        self._poller.poll(timeout_ms)
        self.bell.silence()
        for _ in range(ZAP_REQUESTS_A_TURN):
            if not self._answer_guard():
                break

    def receive(self) -> Iterator[Heard]:
        """What this turn takes in. ZeroMQ takes from the clients by turns, so none is behind another's flood."""
        end = time.monotonic() + TURN_S
        for _ in range(TURN_MESSAGES):
            heard = self._receive()
            if heard is None:
                return
            yield heard
            if time.monotonic() > end:
                return

    def send(self, route: bytes, data: bytes) -> None:
        """Send without waiting. Raises Gone."""
        try:
            self._socket.send_multipart([route, data], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            raise Gone(str(error)) from error

    def _receive(self) -> Heard | None:
        try:
            route = self._socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None
        frame, frames = None, 0
        while self._socket.getsockopt(zmq.RCVMORE):
            frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            frames += 1
        if frame is None:
            return Heard(route, "", -1, "", None)
        number, _, name = str(frame.get("User-Id")).partition(" ")
        return Heard(route, number, frame.get(zmq.SRCFD), name, frame.bytes if frames == 1 else None)

    def _answer_guard(self) -> bool:
        """Answer one question about a key, if there is one."""
        try:
            version, request, *_, mechanism, key = self._guard.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        name = self._keyring.name_of(z85.encode(key).decode("ascii")) if mechanism == b"CURVE" else None
        status, text = (b"400", b"no such key") if name is None else (b"200", b"OK")
        if name is None:
            log.warning("a client was refused: it has no key of this backend")
        # The number goes with every message of this connection: a session belongs to it, not to a name.
        user = b"" if name is None else f"{next(self._numbers)} {name}".encode()
        with contextlib.suppress(zmq.ZMQError):
            self._guard.send_multipart([version, request, status, text, user, b""], zmq.NOBLOCK)
        return True
