"""Live heads under clients that send what they like, and under kills: the backend answers, and no picture stays."""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest

from backend.serve.own_limits import resident_bytes
from shared import protocol
from shared.ready import ReadyFile
from tests.support.keyed import Keyed
from tests.support.serving import is_process, session_in, wait_until
from tests.unit.serve.test_live import HEADS, SIZE, drawn, greeted, head_of, open_head, start  # noqa: F401

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")
VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 1e308, "", "x" * 5000, b"x", [], [[]], [1] * 5000, {}, {"a": {}}, [{}], {"a": "b"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def unbounded(monkeypatch):
    """More messages are obeyed than of one client in a running backend."""
    monkeypatch.setattr("backend.serve.clients.RATE", 1e9)


def send_raw(client, kind, body, request):
    """Send a message with a body of any kind."""
    envelope = {"v": protocol.PROTOCOL_VERSION, "type": kind, "request": request, "body": body}
    client.socket.send(msgpack.packb(envelope))


def test_fields_of_any_kind_are_answered_and_the_head_goes_on(greeted, tmp_path):  # noqa: F811
    server, client = greeted
    open_head(client, tmp_path)
    pid = head_of(server).process.pid
    drawing = random.Random(0)
    for number in range(300):
        fields = {"frame": 1, "curves": {}, "pose": [], "body": [], "lens": [], "controls": {}}
        fields[drawing.choice(list(fields))] = drawing.choice(VALUES)
        send_raw(client, "DRAW", fields, number + 1)
    client.send(protocol.Draw(9), 1000)
    wait_until(lambda: (told := client.hear(protocol.Drawn, protocol.Live)) and told[1] == 1000)
    assert head_of(server).process.pid == pid


@pytest.mark.parametrize("name", ["subject", "model", "take", "size", "transparent"])
def test_what_is_opened_may_be_of_any_kind(greeted, tmp_path, name):  # noqa: F811
    server, client = greeted
    for value in VALUES:
        send_raw(client, "LIVE_OPEN", {"subject": str(tmp_path), "size": SIZE, name: value}, 7)
        message, _ = client.hear(protocol.Live, protocol.Error)
        assert isinstance(message, (protocol.Live, protocol.Error))
    open_head(client, tmp_path)


def test_thousands_of_draws_leave_the_backend_its_size(greeted, tmp_path):  # noqa: F811
    server, client = greeted
    open_head(client, tmp_path)
    size = resident_bytes()
    told = None
    for number in range(1, 5001):
        client.send(protocol.Draw(1 + number % 100, {"jawOpen": 0.5}), number)
        if number % 50 == 0:
            while told is None or told[1] != number:
                told = client.hear(protocol.Drawn, protocol.Live, protocol.Error, limit_s=10)
                assert told is not None and isinstance(told[0], protocol.Drawn), (number, told)
    grown = resident_bytes()
    assert size is None or grown is None or grown - size < 16 << 20
    assert told is not None
    assert len(list(Path(told[0].path).parent.iterdir())) <= 4


def test_a_storm_of_openings_keeps_the_backend_answering(start, tmp_path):  # noqa: F811
    server, ready = start()
    with Keyed(ready) as client, Keyed(ready) as other:
        client.greet()
        other.greet()
        for number in range(20):
            client.send(protocol.LiveOpen(str(tmp_path), size=SIZE), number + 1)
            if number % 2:
                client.send(protocol.LiveClose(), 100 + number)
        assert isinstance(other.ask(protocol.ListJobs(), 4)[0], protocol.Jobs)
        wait_until(lambda: not server._live._leaving)
        client.send(protocol.Draw(1), 999)
        wait_until(lambda: client.hear(protocol.Error)[1] == 999)
        open_head(client, tmp_path)


@posix_only
def test_pictures_of_a_backend_and_its_heads_that_were_killed_go_when_the_next_backend_starts(tmp_path):
    with session_in(tmp_path / "one", "--heads", HEADS) as session:
        ready = ReadyFile.read(session.place.ready_file)
        with Keyed(ready) as client:
            client.greet()
            open_head(client, tmp_path)
            client.send(protocol.Draw(1), 1)
            folder = Path(drawn(client, 1).path).parent
            children = Path(f"/proc/{ready.pid}/task/{ready.pid}/children")
            if not children.exists():
                pytest.skip("the system does not tell which processes are whose")
            pids = [ready.pid, *map(int, children.read_text().split())]
            for pid in pids:  # none of them may see the other's end
                os.kill(pid, signal.SIGSTOP)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not any(map(is_process, pids)))
            assert any(folder.iterdir())
    with session_in(tmp_path / "two", "--heads", HEADS):
        assert not folder.exists()


@pytest.mark.parametrize("error", [RuntimeError("odd"), PermissionError(13, "Permission denied"), ValueError("odd")])
def test_a_head_whose_sources_cannot_be_looked_at_is_closed(greeted, tmp_path, error):  # noqa: F811
    """It may be the consent that cannot be read any more."""
    _, client = greeted
    open_head(client, tmp_path, model=f"unseen {type(error).__name__}")
    live, _ = client.hear(protocol.Live)
    assert live.state == "CLOSED" and live.what
