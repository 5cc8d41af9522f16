"""What a stranger does to a backend's port: each takes (host, port, seconds) and needs no key."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator

import msgpack
import zmq

from shared import protocol

CONNECT_S = 5.0
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00%s\x00" + bytes(31)
"""What a client of ZMTP 3.0 says first; %s: the mechanism, 20 bytes."""
CURVE, NULL = (GREETING % name.ljust(20, b"\0") for name in (b"CURVE", b"NULL"))
NULL_READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
MOST_OPEN = 1500

Stranger = Callable[[str, int, float], None]


def _until(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def _connected(host: str, port: int, *first: bytes) -> socket.socket | None:
    try:
        connection = socket.create_connection((host, port), CONNECT_S)
    except OSError:
        return None
    try:
        for data in first:
            connection.sendall(data)
    except OSError:
        connection.close()
        return None
    return connection


def mute(host: str, port: int, seconds: float) -> None:
    """As many connections as can be had, held open and silent."""
    held: list[socket.socket] = []
    for _ in _until(seconds):
        connection = _connected(host, port)
        if connection is not None:
            held.append(connection)
        if connection is None or len(held) > MOST_OPEN:
            for old in held[: len(held) // 2]:
                old.close()
            del held[: len(held) // 2]
    for connection in held:
        connection.close()


def knocking(host: str, port: int, seconds: float) -> None:
    """Connections that are closed at once, one after the other."""
    for _ in _until(seconds):
        connection = _connected(host, port)
        if connection is not None:
            connection.close()


def half_command(host: str, port: int, seconds: float) -> None:
    """Handshakes with a command that claims to be as large as may be and never ends."""
    held: list[socket.socket] = []
    for _ in _until(seconds):
        connection = _connected(host, port, CURVE, b"\x06" + (65536).to_bytes(8, "big") + bytes(65000))
        if connection is not None:
            held.append(connection)
        if len(held) > MOST_OPEN:
            held.pop(0).close()
    for connection in held:
        connection.close()


def endless_parts(host: str, port: int, seconds: float) -> None:
    """One message of parts without end, after what each mechanism needs from who has no key."""
    parts = (b"\x01\x40" + b"x" * 64) * 1000
    opening = (NULL + NULL_READY, CURVE)
    turn = 0
    connection = None
    for _ in _until(seconds):
        if connection is None:
            connection = _connected(host, port, opening[turn % 2])
            turn += 1
            continue
        try:
            connection.sendall(parts)
        except OSError:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def noise(host: str, port: int, seconds: float) -> None:
    """Bytes of chance, and requests of other protocols."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50
    for turn, _ in enumerate(_until(seconds)):
        data = (os.urandom(4096), request, CURVE + os.urandom(200), CURVE[:40])[turn % 4]
        connection = _connected(host, port, data)
        if connection is not None:
            connection.close()


def without_a_key(host: str, port: int, seconds: float) -> None:
    """ZeroMQ clients that use no CURVE, and send large messages of unknown types, then heartbeats without end."""
    with zmq.Context() as context:
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.sndtimeo = 100
        dealer.connect(f"tcp://{host}:{port}")
        for number, _ in enumerate(_until(seconds)):
            kind = "X" * 300_000 if number % 20 == 0 else "HEARTBEAT"
            with contextlib.suppress(zmq.Again):
                version = protocol.PROTOCOL_VERSION - number % 2
                dealer.send(msgpack.packb({"v": version, "type": kind, "request": 1, "body": {}}))
        dealer.close()


def with_another_key(host: str, port: int, seconds: float) -> None:
    """ZeroMQ clients with CURVE and keys of their own."""
    with zmq.Context() as context:
        for _ in _until(seconds):
            dealer = context.socket(zmq.DEALER)
            dealer.linger = 0
            dealer.curve_serverkey = zmq.curve_keypair()[0]
            dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
            dealer.connect(f"tcp://{host}:{port}")
            dealer.send(b"hello")
            time.sleep(0.01)
            dealer.close()


ALL: tuple[Stranger, ...] = (
    mute, knocking, half_command, endless_parts, noise, without_a_key, with_another_key,
)  # fmt: skip
