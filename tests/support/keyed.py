"""Raw clients of a backend: with a key, without one, and with the key of somebody else."""

from __future__ import annotations

import os
import socket
from types import TracebackType

import zmq

from shared import protocol
from shared.ready import ReadyFile

LIMIT_S = 60.0
"""No single wait takes longer, however busy the machine."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
"""What a client of ZMTP 3.0 says first, when it means to use CURVE."""


def a_ready_file(port: int, version: str = "0.1.0") -> ReadyFile:
    """A ready file with keys of nobody."""
    (server, _), (public, secret) = zmq.curve_keypair(), zmq.curve_keypair()
    keys = (server.decode(), public.decode(), secret.decode())
    return ReadyFile("127.0.0.1", port, os.getpid(), *keys, protocol.PROTOCOL_VERSION, version)


class Keyed:
    """A raw DEALER with the keys of a ready file; `route`: what it calls itself."""

    def __init__(self, ready: ReadyFile, route: bytes | None = None) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.curve_serverkey = ready.server_key.encode()
        self.socket.curve_publickey = ready.client_key.encode()
        self.socket.curve_secretkey = ready.client_secret.encode()
        if route is not None:
            self.socket.routing_id = route
        self.socket.connect(ready.endpoint)

    def __enter__(self) -> Keyed:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.context.destroy(linger=0)

    def send(self, message: protocol.Message, request: int = 1) -> None:
        self.socket.send(protocol.encode(message, request))

    def hear(self, *kinds: type, limit_s: float = LIMIT_S):
        """The next message of one of `kinds` (any but heartbeats if none is named), None if none comes."""
        while self.socket.poll(int(limit_s * 1000)):
            message, request = protocol.decode(self.socket.recv())
            if isinstance(message, kinds or protocol.Message) and (kinds or type(message) is not protocol.Heartbeat):
                return message, request
        return None

    def ask(self, message: protocol.Message, request: int = 1):
        self.send(message, request)
        return self.hear()

    def greet(self) -> None:
        """Say HELLO, and be welcomed."""
        answer = self.ask(protocol.Hello("test"))
        assert answer is not None and isinstance(answer[0], protocol.Welcome), answer


def raw(ready: ReadyFile) -> socket.socket:
    """A plain TCP connection to a backend's port."""
    return socket.create_connection((ready.host, ready.port), LIMIT_S)
