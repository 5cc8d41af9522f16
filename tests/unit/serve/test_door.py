"""Who is let in, and how much of anybody is listened to: keys, connections, names, floods."""

import contextlib
import dataclasses
import threading
import time

import pytest
import zmq

from backend.serve import clients, door, visitors
from backend.serve.door import Door, Gone, Heard
from backend.serve.keys import Keyring
from backend.serve.server import Server
from backend.settings import ServeSettings
from shared import protocol
from shared.ready import ReadyFile
from tests.support import strangers
from tests.support.keyed import LIMIT_S, Keyed, a_ready_file, raw
from tests.support.serving import PYTHON_PATH, wait_until


class Running:
    """A server in a thread, and everything of anybody that has reached it."""

    def __init__(self, folder, settings):
        self.server = Server(folder / "state", folder / "ready.json", settings, "tests.support.fake_verbs", "9.9")
        self.heard: list[Heard] = []
        self._take = self.server._take
        setattr(self.server, "_take", self._note_and_take)  # noqa: B010 (mypy takes no assignment to a method)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        wait_until((folder / "ready.json").exists)
        self.ready = ReadyFile.read(folder / "ready.json")

    def _note_and_take(self, heard):
        self.heard.append(heard)
        self._take(heard)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a server."""
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)
    started = []

    def begin(**settings):
        started.append(Running(tmp_path, ServeSettings(**settings)))
        return started[-1]

    yield begin
    for one in started:
        one.server.stop("the test is over")
        one.thread.join(LIMIT_S)
        assert not one.thread.is_alive()


def read_to_the_end(connection):
    """Until the other side closes it; fails if it does not."""
    connection.settimeout(LIMIT_S)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(1000):
            pass


# Keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [("server_key",), ("client_key", "client_secret")], ids=["server", "client"])
def test_nothing_of_who_lacks_a_key_reaches_the_server(run, fields):
    running, other = run(), a_ready_file(1)
    wrong = dataclasses.replace(running.ready, **{name: getattr(other, name) for name in fields})
    with Keyed(wrong) as client:
        client.send(protocol.Hello("guest"))
        assert client.hear(limit_s=0.7) is None
    assert running.heard == []


@pytest.mark.parametrize("stranger", strangers.ALL, ids=lambda stranger: stranger.__name__)
def test_nothing_of_any_stranger_reaches_the_server(run, stranger):
    running = run()
    stranger(running.ready.host, running.ready.port, 0.5)
    with Keyed(running.ready) as client:
        client.greet()
    assert len(running.heard) == 1


def test_the_keys_are_others_at_each_start():
    first, second = Keyring(), Keyring()
    keys = {pair.secret for ring in (first, second) for pair in (ring.server, ring.client)}
    assert len(keys) == 4
    assert first.name_of(first.client.public) and first.name_of(second.client.public) is None
    assert first.client.secret not in repr(first.client)


# Names -------------------------------------------------------------------------------------------------------------


def test_the_routing_id_of_a_client_that_left_opens_nothing(run):
    running = run()
    with Keyed(running.ready, b"A") as first:
        first.greet()
    wait_until(lambda: not len(running.server._clients))
    with Keyed(running.ready, b"A") as second:
        assert second.ask(protocol.ListJobs())[0].code == "HELLO_FIRST"


def test_a_name_of_a_living_connection_is_not_taken_over(run):
    running = run()
    with Keyed(running.ready, b"A") as first:
        first.greet()
        with Keyed(running.ready, b"A") as second:
            second.send(protocol.ListJobs())
            first.send(protocol.Submit("a", "doctor"))
            assert first.hear(protocol.Result) is not None
            assert second.hear(limit_s=0.3) is None


def test_who_takes_the_name_of_a_client_that_left_hears_no_news_of_jobs(run):
    running = run()
    first, other = Keyed(running.ready, b"A"), Keyed(running.ready)
    first.greet()
    other.greet()
    first.close()
    with Keyed(running.ready, b"A") as second:
        other.send(protocol.Submit("a", "doctor"))
        assert other.hear(protocol.Result) is not None
        assert second.hear(limit_s=0.3) is None
    other.close()


# Numbers -----------------------------------------------------------------------------------------------------------


def test_connections_that_say_nothing_are_closed_the_oldest_first(run):
    running = run()
    with contextlib.ExitStack() as stack:
        mute = [stack.enter_context(raw(running.ready)) for _ in range(running.server._most_strangers + 5)]
        for connection in mute[:5]:
            read_to_the_end(connection)
        stack.enter_context(Keyed(running.ready)).greet()


def test_a_connection_that_does_not_say_hello_is_closed_in_time(run, monkeypatch):
    monkeypatch.setattr(visitors, "STRANGER_S", 0.3)
    running = run()
    with raw(running.ready) as connection:
        connection.sendall(strangers.CURVE)
        read_to_the_end(connection)


def test_a_client_too_many_is_told_so(run):
    running = run(most_clients=1)
    with Keyed(running.ready) as first, Keyed(running.ready) as second:
        first.greet()
        reply, _ = second.ask(protocol.Hello("second"))
        assert (reply.code, "1 windows" in reply.what, reply.do) == ("REFUSED", True, "Close one of them.")
    wait_until(lambda: not len(running.server._clients))
    with Keyed(running.ready) as third:
        third.greet()


def test_a_job_too_many_is_refused(run):
    running = run(most_waiting=2)
    with Keyed(running.ready) as client:
        client.greet()
        for number in range(4):  # one runs, two wait
            client.send(protocol.Submit(f"j{number}", "stubborn", {"file": "/dev/null"}))
            if number == 0:
                wait_until(lambda: running.server._runner._running)
        reply, _ = client.hear(protocol.Error)
        assert (reply.code, "2 jobs wait" in reply.what) == ("REFUSED", True)
        client.ask(protocol.Cancel("j0"))


def test_who_sends_too_much_is_told_so_and_others_are_heard(run, monkeypatch):
    monkeypatch.setattr(clients, "BURST", 5.0)
    monkeypatch.setattr(clients, "RATE", 0.1)
    running = run()
    with Keyed(running.ready) as hasty, Keyed(running.ready) as other:
        hasty.greet()
        running.server._clients._there[next(iter(running.server._clients._there))].credit = 5.0
        for _ in range(8):
            hasty.send(protocol.Status("a"))
        codes = [hasty.hear()[0].code for _ in range(8)]
        assert codes == ["UNKNOWN_JOB"] * 5 + ["TOO_MANY"] * 3
        hasty.send(protocol.Hello("again"))
        assert hasty.hear()[0].code == "TOO_MANY"
        other.greet()


def test_a_turn_takes_in_no_more_than_its_share(run, monkeypatch):
    """All that a flood of a client with a key can do to a turn of the server's loop."""
    monkeypatch.setattr(door, "TURN_MESSAGES", 7)
    running = run()
    with Keyed(running.ready) as client:
        client.greet()
        for _ in range(100):
            client.send(protocol.Status("a"))
        turns, tick = [], running.server._runner.tick

        def note_and_tick():
            turns.append(len(running.heard))
            tick()

        running.server._runner.tick = note_and_tick
        wait_until(lambda: len(running.heard) == 101)
    steps = [after - before for before, after in zip(turns, turns[1:], strict=False)]
    assert max(steps, default=0) <= 7


def test_a_client_that_does_not_read_is_dropped(monkeypatch):
    monkeypatch.setattr(door, "QUEUED_OUT", 4)
    keyring = Keyring()
    with zmq.Context() as context:
        there = Door(context, keyring, 10)
        port = there.open("127.0.0.1")
        keys = (keyring.server.public, keyring.client.public, keyring.client.secret)
        with Keyed(ReadyFile("127.0.0.1", port, 1, *keys, protocol.PROTOCOL_VERSION, "")) as client:
            client.send(protocol.Hello())
            heard: list[Heard] = []
            end = time.monotonic() + LIMIT_S
            while not heard and time.monotonic() < end:
                there.wait(50)
                heard = list(there.receive())
            with pytest.raises(Gone):
                for _ in range(200):
                    there.send(heard[0].route, bytes(1 << 20))
        with pytest.raises(Gone):
            there.send(b"nobody", b"news")
        there.close()
        context.destroy(linger=0)
