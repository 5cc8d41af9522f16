"""The backend process against strangers, broken messages and time, spoken to in raw messages."""

import errno
import os
import stat
import sys
import threading

import msgpack
import pytest

from backend.serve import jobstore
from backend.serve.jobstore import JobStore
from backend.serve.keys import KeyFolder
from backend.serve.server import Server
from backend.settings import ServeSettings
from shared import protocol
from shared.errors import InputError
from shared.ready import ReadyFile
from tests.support.keyed import LIMIT_S, Keyed
from tests.support.serving import PYTHON_PATH, wait_until


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


def test_hello_with_the_key_is_welcomed(running):
    with Keyed(running[1]) as client:
        assert client.ask(protocol.Hello("test"), 3) == (protocol.Welcome("9.9", running[1].pid), 3)


def test_before_hello_nothing_is_obeyed(running):
    with Keyed(running[1]) as client:
        for message in (protocol.Submit("a", "doctor"), protocol.ListJobs(), protocol.Shutdown()):
            assert client.ask(message)[0].code == "HELLO_FIRST"


def test_another_protocol_version_is_refused(running):
    with Keyed(running[1]) as client:
        for version in (1, protocol.PROTOCOL_VERSION + 1, True, float(protocol.PROTOCOL_VERSION), "3", None):
            client.socket.send(msgpack.packb({"v": version, "type": "HELLO", "request": 8, "body": {"client": ""}}))
            reply, request = client.hear()
            assert (reply.code, request) == ("WRONG_VERSION", 8)


def test_every_broken_message_gets_an_error_and_the_server_goes_on(running):
    with Keyed(running[1]) as client:
        for data, code in (
            (b"", "MALFORMED"),
            (b"\xc1\xff\x00", "MALFORMED"),
            (msgpack.packb({"v": protocol.PROTOCOL_VERSION, "type": "FROB", "request": 1, "body": {}}), "UNKNOWN_TYPE"),
            (
                msgpack.packb({"v": protocol.PROTOCOL_VERSION, "type": "CANCEL", "request": 1, "body": {"job_id": 4}}),
                "MALFORMED",
            ),
            (b"\x00" * (protocol.MAX_REQUEST_BYTES + 1), "TOO_LARGE"),
        ):
            client.socket.send(data)
            assert client.hear()[0].code == code
        client.socket.send_multipart([b"two", b"frames"])
        assert client.hear()[0].code == "MALFORMED"
        assert isinstance(client.ask(protocol.Hello("test"))[0], protocol.Welcome)
        assert client.ask(protocol.Goodbye())[0].code == "REFUSED"


def test_a_gigantic_message_closes_only_its_own_connection(running):
    with Keyed(running[1]) as greedy, Keyed(running[1]) as other:
        greedy.socket.send(b"\x00" * (16 << 20))
        assert isinstance(other.ask(protocol.Hello("test"))[0], protocol.Welcome)


def test_jobs_with_bad_names_are_refused(running):
    with Keyed(running[1]) as client:
        client.ask(protocol.Hello("test"))
        assert client.ask(protocol.Submit("../../evil", "doctor"))[0].code == "REFUSED"
        reply = client.ask(protocol.Submit("a", "frobnicate"))[0]
        assert (reply.code, "doctor" in reply.do) == ("UNKNOWN_VERB", True)
        assert client.ask(protocol.Status("nope"))[0].code == "UNKNOWN_JOB"
        assert client.ask(protocol.Cancel("nope"))[0].code == "UNKNOWN_JOB"


def test_submitting_twice_makes_one_job(running):
    with Keyed(running[1]) as client:
        client.ask(protocol.Hello("test"))
        for _ in range(2):
            client.send(protocol.Submit("same", "doctor"))
        assert client.hear(protocol.Result)[0].job["result"] == {"well": True}
        client.send(protocol.ListJobs(), 77)
        reply, _ = client.hear(protocol.Jobs)
        assert [job["id"] for job in reply.jobs] == ["same"]


def test_clients_take_turns_so_many_jobs_of_one_do_not_keep_another_from_its(running):
    server, ready = running
    with Keyed(ready) as many, Keyed(ready) as one:
        for client, name in ((many, "many"), (one, "one")):
            assert isinstance(client.ask(protocol.Hello(name))[0], protocol.Welcome)
        for number in range(4):
            many.ask(protocol.Submit(f"m{number}", "pretend_count", {"steps": 2, "pause_s": 0.1}))
        one.send(protocol.Submit("mine", "pretend_count", {"steps": 1}))
        while one.hear(protocol.Result)[0].job["id"] != "mine":
            pass
        jobs = server._runner.store.jobs
        wait_until(lambda: all(job.state.is_final for job in jobs.values()))
    assert not server._runner._asked_by
    order = [job.id for job in sorted(jobs.values(), key=lambda job: job.started_at)]
    assert order == ["m0", "mine", "m1", "m2", "m3"]


def test_a_job_that_cannot_be_kept_is_refused_with_what_the_system_says(running, monkeypatch):
    server, ready = running
    with Keyed(ready) as client:
        client.ask(protocol.Hello("test"))
        for number, words in ((errno.EMFILE, "Raise the limit of open files"), (errno.ENOSPC, "Make room")):
            failing = OSError(number, os.strerror(number))
            monkeypatch.setattr(jobstore, "write_json", lambda *a, failing=failing, **o: (_ for _ in ()).throw(failing))
            reply = client.ask(protocol.Submit("a", "doctor"))[0]
            assert (reply.code, words in reply.do) == ("REFUSED", True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists in the place of modes")
def test_state_jobs_results_and_logs_are_their_users_alone(running, tmp_path):
    """Also where an older version has left the folder open to others."""
    state = tmp_path / "state"
    with Keyed(running[1]) as client:
        client.ask(protocol.Hello("test"))
        client.send(protocol.Submit("big", "large"))
        while client.hear(protocol.Result)[0].job["id"] != "big":
            pass
    running[0].stop("the test looks at its folder")
    wait_until(lambda: not (tmp_path / "ready.json").exists())
    assert {path.name for path in state.rglob("*.json")} == {"big.json", "big.result.json"}
    for path in (state, *state.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    for path in (state, state / "jobs", state / "logs"):
        path.chmod(0o755)
    JobStore(state, 10)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state, state / "jobs", state / "logs")} == {0o700}


def test_the_server_sends_heartbeats_and_answers_them(running):
    with Keyed(running[1]) as client:
        client.ask(protocol.Hello("test"))
        client.send(protocol.Heartbeat(), 5)
        requests = {client.hear(protocol.Heartbeat)[1] for _ in range(2)}
        assert requests == {0, 5}


def test_a_client_that_falls_silent_is_forgotten(running, monkeypatch):
    monkeypatch.setattr(protocol, "HEARTBEAT_TIMEOUT_S", 0.3)
    server, ready = running
    with Keyed(ready) as client:
        client.ask(protocol.Hello("test"))
        wait_until(lambda: not len(server._clients))
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
    KeyFolder(tmp_path / "keys").make()
    settings = ServeSettings(host="192.0.2.1")
    with pytest.raises(InputError, match="cannot be listened on"):
        Server(
            tmp_path / "state", tmp_path / "ready.json", settings, "tests.support.fake_verbs", "", tmp_path / "keys"
        ).run()
    assert not (tmp_path / "ready.json").exists()
