"""A backend and its honest client while strangers are at the port: memory, logs, heartbeats, jobs, cancelling."""

import contextlib
import dataclasses
import sys
from pathlib import Path

import pytest

from shared.ready import ReadyFile
from tests.support import strangers
from tests.support.besieged import observe, resident_mb, siege
from tests.support.keyed import Keyed, raw
from tests.support.serving import LIMIT_S, place_in, session_in, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the memory of a process"),
]
SECONDS = 3.0


def ready_of(session):
    return ReadyFile(**dataclasses.asdict(ReadyFile.read(session.place.ready_file)))


@pytest.mark.parametrize("stranger", strangers.ALL, ids=lambda stranger: stranger.__name__)
def test_no_stranger_takes_memory_or_disk_or_time_from_the_work(tmp_path, stranger):
    with session_in(tmp_path) as session:
        observe(session, 0.1)
        with siege(ready_of(session), stranger, SECONDS + 1.0):
            seen = observe(session, SECONDS)
        assert session.connected and seen.jobs >= 1
    assert seen.grown_mb < 20
    assert seen.logs_mb < 0.5
    assert seen.silence_s < 10  # HEARTBEAT_TIMEOUT_S: the client would have looked for its backend again


def test_a_client_with_a_key_that_sends_endless_parts_is_hung_up_on_and_others_go_on(tmp_path):
    """ZeroMQ shows nothing of a message before its last part has come; so the memory tells."""
    from zmq import SNDMORE

    part, count = bytes(60_000), 5000
    with session_in(tmp_path) as session:
        observe(session, 0.1)
        before = resident_mb(ready_of(session).pid)
        with Keyed(ready_of(session)) as greedy:
            greedy.socket.sndhwm = 0
            greedy.greet()
            for _ in range(count):
                greedy.socket.send(part, SNDMORE)
            greedy.socket.send(b"")
            log = session.place.log_file
            wait_until(lambda: "has grown by" in log.read_text(), session)
            assert resident_mb(ready_of(session).pid) - before < 0.8 * len(part) * count / 1e6
        assert session.wait(session.submit("pretend_count", {"steps": 1}), LIMIT_S)["counted"] == 1


def test_mute_connections_leave_files_enough_for_the_work_where_few_may_be_open(tmp_path):
    place = place_in(tmp_path)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -n 64\nexec {place.python} "$@"\n')
    python.chmod(0o755)
    place = dataclasses.replace(place, python=python)
    from extension_without_blender.client import process
    from extension_without_blender.client.session import Session

    session = Session.open(place)
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(raw(ready_of(session)))
            for _ in range(3):
                assert session.wait(session.submit("pretend_count", {"steps": 1}), LIMIT_S)["counted"] == 1
    finally:
        session.close()
        process.stop(place)
    assert "Make space" not in Path(place.log_file).read_text()
