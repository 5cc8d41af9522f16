"""The clients that have said HELLO: one connection each, whatever they call themselves."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from shared import protocol
from shared.protocol import ErrorCode, ProtocolError

from .door import Door, Gone, Heard

log = logging.getLogger(__name__)

RATE = 100.0
"""Messages of one client that are obeyed in a second, when it sends many for long."""
BURST = 400.0
"""Messages of one client that are obeyed at once: one that connects again asks for each of its jobs."""


@dataclass
class Client:
    """A client. `credit`: messages of it that are obeyed at once."""

    name: str
    connection: str
    descriptor: int
    last_heard: float
    credit: float = BURST

    def speak(self) -> None:
        """It has sent a message. Raises ProtocolError TOO_MANY where that is one too many."""
        now = time.monotonic()
        self.credit = min(BURST, self.credit + RATE * (now - self.last_heard))
        self.last_heard = now
        if self.credit < 1.0:
            what = f"More than {RATE:g} messages a second are not obeyed."
            raise ProtocolError(ErrorCode.TOO_MANY, what, "Send fewer.")
        self.credit -= 1.0


class Clients:
    """Who is greeted, by the route to it."""

    def __init__(self, door: Door, most: int) -> None:
        self._door = door
        self._most = most
        self._there: dict[bytes, Client] = {}

    def __len__(self) -> int:
        return len(self._there)

    def connections(self) -> set[str]:
        """The connections on which clients were greeted."""
        return {client.connection for client in self._there.values()}

    def of(self, heard: Heard) -> Client | None:
        """The client that was greeted on the connection that a message came by. A routing id opens nothing: it is a
        name that anybody with a key may take."""
        client = self._there.get(heard.route)
        return client if client is not None and client.connection == heard.connection else None

    def greet(self, heard: Heard, name: str) -> None:
        """A client has said HELLO. Raises ProtocolError REFUSED where there are too many."""
        if self.of(heard) is not None:
            return
        if heard.route not in self._there and len(self._there) >= self._most:
            what = f"{self._most} windows and scripts are connected, the most that this backend serves."
            raise ProtocolError(ErrorCode.REFUSED, what, "Close one of them.")
        self._door.visitors.greet(heard.descriptor)
        self._there[heard.route] = Client(name[: protocol.SHOWN], heard.connection, heard.descriptor, time.monotonic())
        log.info("client %r of %s said HELLO", name[: protocol.SHOWN], heard.key_name)

    def tell_all(self, data: bytes) -> None:
        """Send a message to everybody."""
        for route in list(self._there):
            self.tell(route, data)

    def tell(self, route: bytes, data: bytes) -> None:
        """Send a message; a client that does not read what it is sent is dropped."""
        try:
            self._door.send(route, data)
        except Gone as gone:
            self._drop(route, f"does not read what it is sent ({gone})")

    def forget_silent(self) -> None:
        """Drop those that have not been heard for long."""
        now = time.monotonic()
        for route, client in list(self._there.items()):
            if now - client.last_heard > protocol.HEARTBEAT_TIMEOUT_S:
                self._drop(route, "is silent")

    def forget_gone(self) -> None:
        """Forget those whose connections have ended: what is told to all must not reach the next of their names."""
        gone = self._door.visitors.gone()
        for route in [route for route, client in self._there.items() if client.descriptor in gone]:
            log.info("client %r has left", self._there.pop(route).name)

    def _drop(self, route: bytes, why: str) -> None:
        client = self._there.pop(route, None)
        if client is not None:
            log.info("client %r %s, and is dropped", client.name, why)
            self._door.visitors.hang_up(client.descriptor)
