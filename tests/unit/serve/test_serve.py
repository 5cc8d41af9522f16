"""The backend process against strangers, broken messages and time, spoken to in raw messages."""

import threading

import msgpack
import pytest
import zmq

from backend.serve.server import Server
from backend.settings import ServeSettings
from shared import protocol
from shared.errors import InputError
from shared.ready import ReadyFile
from tests.support.serving import LIMIT_S, PYTHON_PATH, wait_until


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A server in a thread, with its ready file."""
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)
    server = Server(tmp_path / "state", tmp_path / "ready.json", ServeSettings(), "tests.support.fake_verbs", "9.9")
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until((tmp_path / "ready.json").exists)
    yield server, ReadyFile.read(tmp_path / "ready.json")
    server.stop("the test is over")
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert not (tmp_path / "ready.json").exists()


class Stranger:
    """A raw DEALER."""

    def __init__(self, ready):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect(ready.endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.context.destroy(linger=0)

    def send(self, message, request=1):
        self.socket.send(protocol.encode(message, request))

    def hear(self, *kinds, limit_s=LIMIT_S):
        """The next message of one of `kinds` (any but heartbeats if none is named), None if none comes."""
        while self.socket.poll(int(limit_s * 1000)):
            message, request = protocol.decode(self.socket.recv())
            if isinstance(message, kinds or protocol.Message) and (kinds or type(message) is not protocol.Heartbeat):
                return message, request
        return None

    def ask(self, message, request=1):
        self.send(message, request)
        return self.hear()


def test_hello_with_the_token_is_welcomed(running):
    with Stranger(running[1]) as client:
        assert client.ask(protocol.Hello(running[1].token), 3) == (protocol.Welcome("9.9", running[1].pid), 3)


def test_a_wrong_token_is_refused_and_opens_nothing(running):
    with Stranger(running[1]) as client:
        reply, request = client.ask(protocol.Hello("guess"), 4)
        assert (reply.code, request) == ("WRONG_TOKEN", 4)
        reply, _ = client.ask(protocol.Submit("a", "doctor"))
        assert reply.code == "HELLO_FIRST"
        assert client.ask(protocol.ListJobs())[0].code == "HELLO_FIRST"
        assert client.ask(protocol.Shutdown())[0].code == "HELLO_FIRST"


def test_another_protocol_version_is_refused(running):
    with Stranger(running[1]) as client:
        body = {"token": running[1].token, "client": ""}
        client.socket.send(msgpack.packb({"v": 2, "type": "HELLO", "request": 8, "body": body}))
        reply, request = client.hear()
        assert (reply.code, request) == ("WRONG_VERSION", 8)


def test_every_broken_message_gets_an_error_and_the_server_goes_on(running):
    with Stranger(running[1]) as client:
        for data, code in (
            (b"", "MALFORMED"),
            (b"\xc1\xff\x00", "MALFORMED"),
            (msgpack.packb({"v": 1, "type": "FROB", "request": 1, "body": {}}), "UNKNOWN_TYPE"),
            (msgpack.packb({"v": 1, "type": "CANCEL", "request": 1, "body": {"job_id": 4}}), "MALFORMED"),
            (b"\x00" * (protocol.MAX_MESSAGE_BYTES + 1), "TOO_LARGE"),
        ):
            client.socket.send(data)
            assert client.hear()[0].code == code
        client.socket.send_multipart([b"two", b"frames"])
        assert client.hear()[0].code == "MALFORMED"
        assert isinstance(client.ask(protocol.Hello(running[1].token))[0], protocol.Welcome)
        assert client.ask(protocol.Goodbye())[0].code == "REFUSED"


def test_a_gigantic_message_closes_only_its_own_connection(running):
    with Stranger(running[1]) as greedy, Stranger(running[1]) as other:
        greedy.socket.send(b"\x00" * (protocol.DROP_MESSAGE_BYTES + 1))
        assert isinstance(other.ask(protocol.Hello(running[1].token))[0], protocol.Welcome)


def test_jobs_with_bad_names_are_refused(running):
    with Stranger(running[1]) as client:
        client.ask(protocol.Hello(running[1].token))
        assert client.ask(protocol.Submit("../../evil", "doctor"))[0].code == "REFUSED"
        reply = client.ask(protocol.Submit("a", "frobnicate"))[0]
        assert (reply.code, "doctor" in reply.do) == ("UNKNOWN_VERB", True)
        assert client.ask(protocol.Status("nope"))[0].code == "UNKNOWN_JOB"
        assert client.ask(protocol.Cancel("nope"))[0].code == "UNKNOWN_JOB"


def test_submitting_twice_makes_one_job(running):
    with Stranger(running[1]) as client:
        client.ask(protocol.Hello(running[1].token))
        for _ in range(2):
            client.send(protocol.Submit("same", "doctor"))
        assert client.hear(protocol.Result)[0].job["result"] == {"well": True}
        client.send(protocol.ListJobs(), 77)
        reply, _ = client.hear(protocol.Jobs)
        assert [job["id"] for job in reply.jobs] == ["same"]


def test_the_server_sends_heartbeats_and_answers_them(running):
    with Stranger(running[1]) as client:
        client.ask(protocol.Hello(running[1].token))
        client.send(protocol.Heartbeat(), 5)
        requests = {client.hear(protocol.Heartbeat)[1] for _ in range(2)}
        assert requests == {0, 5}


def test_a_client_that_falls_silent_is_forgotten(running, monkeypatch):
    monkeypatch.setattr(protocol, "HEARTBEAT_TIMEOUT_S", 0.3)
    server, ready = running
    with Stranger(ready) as client:
        client.ask(protocol.Hello(ready.token))
        wait_until(lambda: not server._clients)
        assert client.ask(protocol.Status("a"))[0].code == "HELLO_FIRST"


def test_an_idle_server_ends_itself(tmp_path):
    settings = ServeSettings(idle_timeout_s=0.2)
    server = Server(tmp_path / "state", tmp_path / "ready.json", settings, "tests.support.fake_verbs", "")
    thread = threading.Thread(target=server.run)
    thread.start()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert "nobody used it" in server._stop_reason


def test_a_second_server_on_the_same_folder_is_refused(running, tmp_path):
    with pytest.raises(InputError, match="already runs"):
        Server(tmp_path / "state", tmp_path / "other.json", ServeSettings(), "tests.support.fake_verbs", "").run()


def test_an_address_that_cannot_be_had_is_an_input_error(tmp_path):
    settings = ServeSettings(host="192.0.2.1")
    with pytest.raises(InputError, match="cannot be listened on"):
        Server(tmp_path / "state", tmp_path / "ready.json", settings, "tests.support.fake_verbs", "").run()
    assert not (tmp_path / "ready.json").exists()
