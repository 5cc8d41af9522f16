"""Whoever has the port of a backend that died learns nothing, and nothing of it is believed."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import threading
import time

import pytest
import zmq
from extension_without_blender.client import transport
from extension_without_blender.client.process import is_alive
from extension_without_blender.client.session import Session
from extension_without_blender.client.transport import Connection, ConnectionLost, Refused
from extension_without_blender.shared.errors import InternalError
from extension_without_blender.shared.protocol import PROTOCOL_VERSION
from extension_without_blender.shared.ready import ReadyFile

from tests.support.keyed import a_ready_file
from tests.support.serving import LIMIT_S, session_in, wait_until
from tests.support.strangers import CURVE, NULL, NULL_READY

SECRET = "a-path-that-nobody-may-see"


class Rogue:
    """Answers every connection at a port with `answer`, and keeps what it is sent."""

    def __init__(self, port=0, answer=b""):
        self.received = b""
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_S)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.5)
                try:
                    connection.sendall(self._answer)
                    while data := connection.recv(65536):
                        self.received += data
                except OSError:
                    continue


@pytest.mark.parametrize(
    "answer",
    [b"", NULL + NULL_READY, CURVE, CURVE + b"\x04\xaa\x07WELCOME" + bytes(160), b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["silence", "no mechanism", "a greeting", "a false welcome", "another protocol"],
)
def test_a_rogue_on_the_port_gets_no_word_of_ours(answer):
    with Rogue(answer=answer) as rogue:
        with contextlib.suppress(ConnectionLost):  # where it hangs up before anything can be said
            connection = Connection.begin(ReadyFile(**dataclasses.asdict(a_ready_file(rogue.port))), SECRET)
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                assert not connection.is_greeted(0.1)
            connection.close()
    assert SECRET.encode() not in rogue.received
    assert b"type" not in rogue.received  # a message of ours has it in the clear


def test_a_rogue_with_keys_of_its_own_is_no_backend():
    with zmq.Context() as context:
        rogue = context.socket(zmq.ROUTER)
        rogue.linger = 0
        rogue.curve_server, rogue.curve_secretkey = True, zmq.curve_keypair()[1]
        port = rogue.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(ConnectionLost, match="did not answer"):
            Connection.open(ReadyFile(**dataclasses.asdict(a_ready_file(port))), SECRET, timeout_s=1.0)
        assert not rogue.poll(0)
        rogue.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")
def test_a_session_does_its_work_though_a_rogue_has_the_old_port(tmp_path):
    with session_in(tmp_path) as session:
        place = session.place
        old = ReadyFile.read(place.ready_file)
        session.close()
        os.kill(old.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(place))
        with Rogue(old.port, CURVE) as rogue:
            assert not is_alive(place)
            again = Session(place)
            handle = again.submit("pretend_count", {"steps": 1, "note": SECRET})
            assert again.wait(handle, LIMIT_S)["counted"] == 1
            again.close()
    assert rogue.received == b""


def test_an_older_add_on_reads_that_the_backend_speaks_another_protocol(tmp_path):
    """It wants these fields, and compares `protocol`; so it replaces the backend in the place of calling it damaged."""
    path = tmp_path / "ready.json"
    a_ready_file(5).write(path)
    values = json.loads(path.read_text())
    fields = {"host": str, "port": int, "pid": int, "token": str, "protocol": int, "version": str}
    assert {name: type(values[name]) for name in fields} == fields
    assert values["protocol"] == PROTOCOL_VERSION > 1


@pytest.mark.parametrize("before", range(1, PROTOCOL_VERSION))
def test_a_backend_of_a_protocol_before_is_named_with_what_to_do(tmp_path, before):
    path = tmp_path / "ready.json"
    a_ready_file(5).write(path)
    values = json.loads(path.read_text()) | {"protocol": before}
    if before == 1:  # it had a token in the place of keys
        values = {name: values[name] for name in ("host", "port", "pid", "protocol", "version")} | {"token": "ab" * 32}
    path.write_text(json.dumps(values))
    with pytest.raises(Refused, match=f"speaks protocol {before}, this add-on {PROTOCOL_VERSION}") as caught:
        Connection.begin(ReadyFile.read(path))
    assert (caught.value.code, caught.value.do) == ("WRONG_VERSION", "Stop the backend, then start it again.")


def test_a_zeromq_without_encryption_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr(zmq, "has", lambda capability: capability != "curve")
    with pytest.raises(InternalError, match="has no encryption") as caught:
        transport.import_zmq()
    assert "Disable the extension" in caught.value.do
