"""The add-on's client with a real backend process: progress, cancel, crashes, and a backend that is killed."""

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from extension_without_blender.client import link, process
from extension_without_blender.client.handles import JobFailed, JobHandle
from extension_without_blender.client.link import State
from extension_without_blender.client.process import BackendPlace, Starting
from extension_without_blender.client.session import Session
from extension_without_blender.client.transport import Connection, ConnectionLost, Refused
from extension_without_blender.shared import protocol as client_protocol
from extension_without_blender.shared.errors import Cancelled, InputError, InternalError
from extension_without_blender.shared.jobs import JobState, Progress
from extension_without_blender.shared.ready import ReadyFile
from extension_without_blender.shared.version import VERSION

from tests.support.keyed import a_ready_file
from tests.support.serving import LIMIT_S, is_process, place_in, session_in, wait_until

pytestmark = pytest.mark.slow  # together: processes, or whole renders, in every test

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One backend for the tests that do it no harm."""
    with session_in(tmp_path_factory.mktemp("backend")) as session:
        yield session


def another_start():
    """The ready file of a start that was another one."""
    return ReadyFile(**dataclasses.asdict(a_ready_file(5555, VERSION)))


def kill_backend(place):
    pid = ReadyFile.read(place.ready_file).pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process.is_alive(place))


def test_a_job_reports_its_progress_and_returns_its_result(session):
    handle = session.submit("pretend_count", {"steps": 6, "pause_s": 0.02})
    seen: list[Progress] = []
    handle.on_progress = seen.append
    ended: list[JobHandle] = []
    handle.on_end = ended.append
    assert session.wait(handle, LIMIT_S)["counted"] == 6
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert (seen[0].phase, seen[0].step, seen[-1].step, seen[-1].total) == ("counting", 0, 6, 6)
    assert (handle.messages, ended) == (["here we go"], [handle])
    assert handle.info.state is JobState.DONE
    assert handle.info.finished_at >= handle.info.started_at >= handle.info.submitted_at


def test_an_error_of_the_job_arrives_with_what_to_do(session):
    with pytest.raises(JobFailed) as caught:
        session.wait(session.submit("complain", {}), LIMIT_S)
    assert (caught.value.what, caught.value.do) == ("The footage is empty.", "Use another one.")


def test_a_fault_of_ours_names_the_log_which_holds_the_traceback(session):
    handle = session.submit("fault", {})
    with pytest.raises(JobFailed, match="an inner fault") as caught:
        session.wait(handle, LIMIT_S)
    assert handle.info.log in caught.value.do
    assert "ZeroDivisionError: an inner fault" in Path(handle.info.log).read_text()


def test_a_crashed_job_fails_and_names_the_log_with_its_last_words(session):
    handle = session.submit("crash", {})
    with pytest.raises(JobFailed, match="exit status 7") as caught:
        session.wait(handle, LIMIT_S)
    assert handle.info.log in caught.value.do
    assert "last words" in Path(handle.info.log).read_text()


def test_a_large_result_comes_as_a_file(session):
    result = session.wait(session.submit("large", {}), LIMIT_S)
    assert len(Path(result["result_file"]).read_text()) > 2_000_000


def test_numbers_and_paths_that_json_lacks_become_plain(session):
    result = session.wait(session.submit("odd", {}), LIMIT_S)
    assert result == {"psnr": None, "path": str(Path("a") / "b"), "pair": [1, 2]}


def test_a_refused_job_fails_with_the_reason(session):
    with pytest.raises(JobFailed, match="no verb 'frobnicate'"):
        session.wait(session.submit("frobnicate", {}), LIMIT_S)


def test_a_running_job_stops_at_its_next_step_when_cancelled(session, tmp_path):
    handle = session.submit("train", {"file": str(tmp_path / "steps"), "steps": 1000, "pause_s": 0.05})
    wait_until((tmp_path / "steps").exists, session)
    session.cancel(handle)
    with pytest.raises(Cancelled):
        session.wait(handle, LIMIT_S)
    done = len((tmp_path / "steps").read_text().splitlines())
    assert (tmp_path / "steps.checkpoint").read_text() == str(done) and done < 1000


def test_a_job_that_ignores_its_cancel_is_ended_by_force(session, tmp_path):
    file = tmp_path / "pid"
    handle = session.submit("stubborn", {"file": str(file)})
    wait_until(lambda: file.exists() and file.read_text(), session)
    session.cancel(handle)
    wait_until(lambda: handle.ended, session)  # it would have slept ten times as long as this waits
    assert handle.info.state is JobState.CANCELLED
    assert not is_process(int(file.read_text()))


def test_heavy_jobs_wait_for_each_other_and_light_ones_do_not(session, tmp_path):
    first = session.submit("stubborn", {"file": str(tmp_path / "pid")})
    second = session.submit("pretend_count", {"steps": 1})
    light = session.submit("doctor", {})
    assert session.wait(light, LIMIT_S) == {"well": True}
    wait_until((tmp_path / "pid").exists, session)
    assert (first.info.state, second.info.state) == (JobState.RUNNING, JobState.PENDING)
    session.cancel(first)
    assert session.wait(second, LIMIT_S)["counted"] == 1
    assert first.info.state is JobState.CANCELLED


def test_a_waiting_job_is_cancelled_at_once(session, tmp_path):
    first = session.submit("stubborn", {"file": str(tmp_path / "pid")})
    second = session.submit("pretend_count", {"steps": 1})
    session.cancel(second)
    wait_until(lambda: second.ended, session)
    assert (second.info.state, second.info.attempts, first.ended) == (JobState.CANCELLED, 0, False)
    session.cancel(first)
    wait_until(lambda: first.ended, session)


def test_a_wait_that_is_too_long_cancels_the_job_and_says_so(session, tmp_path):
    handle = session.submit("stubborn", {"file": str(tmp_path / "pid")})
    with pytest.raises(JobFailed, match="longer than 0.5 s"):
        session.wait(handle, 0.5)


def test_a_session_without_a_connection_starts_the_backend_by_itself(tmp_path):
    session = Session(place_in(tmp_path))
    handle = session.submit("pretend_count", {"steps": 2})
    try:
        was_connected = session.connected
        assert not was_connected
        assert session.wait(handle, LIMIT_S)["counted"] == 2
        assert session.connected and session.version == VERSION
    finally:
        assert session.stop_and_wait()


@pytest.mark.slow
def test_a_backend_of_another_product_version_is_replaced(tmp_path, monkeypatch):
    with session_in(tmp_path) as old:
        before = ReadyFile.read(old.place.ready_file)
        written = json.loads(old.place.ready_file.read_text())
        old.place.ready_file.write_text(json.dumps({**written, "version": "77"}))
        session = Session.open(old.place)
        try:
            after = ReadyFile.read(old.place.ready_file)
            assert (after.pid != before.pid, after.version) == (True, VERSION)
            assert not is_process(before.pid)
            assert session.wait(session.submit("doctor", {}), LIMIT_S) == {"well": True}
        finally:
            session.close()


def test_a_backend_of_another_product_version_is_neither_joined_nor_replaced_unasked(tmp_path):
    with session_in(tmp_path) as running:
        pid = ReadyFile.read(running.place.ready_file).pid
        written = json.loads(running.place.ready_file.read_text())
        running.place.ready_file.write_text(json.dumps({**written, "version": "77"}))
        session = Session(running.place)
        session.join()
        wait_until(lambda: session.idle, session)
        assert is_process(pid)


def test_joining_where_no_backend_runs_starts_none(tmp_path):
    session = Session(place_in(tmp_path))
    session.join()
    states = set()

    def is_idle():
        states.add(session.state)
        return session.idle

    wait_until(is_idle, session)
    assert State.STARTING not in states
    assert not session.place.log_file.exists()


def test_another_window_sees_and_takes_over_a_job(session, tmp_path):
    handle = session.submit("train", {"file": str(tmp_path / "steps"), "steps": 1000, "pause_s": 0.02})
    wait_until((tmp_path / "steps").exists, session)
    other = Session.open(session.place)
    try:
        job = other.wait_for_jobs()[-1]
        assert (job.id, job.verb) == (handle.id, "train")
        taken = other.attach(job.id)
        wait_until(lambda: taken.accepted and taken.info.progress and taken.info.progress.step > 3, other)
        assert taken.info.arguments["steps"] == 1000
        other.cancel(taken)
        wait_until(lambda: taken.ended, other)
    finally:
        other.close()
    wait_until(lambda: handle.ended, session)
    assert handle.info.state is JobState.CANCELLED


def test_a_job_outlives_the_session_that_started_it(session, tmp_path):
    passing = Session.open(session.place)
    handle = passing.submit("train", {"file": str(tmp_path / "steps"), "steps": 15, "pause_s": 0.02})
    wait_until((tmp_path / "steps").exists, passing)
    passing.close()
    again = session.attach(handle.id)
    assert session.wait(again, LIMIT_S)["steps"] == 15


def test_a_second_window_finds_the_running_backend(session):
    other = Session.open(session.place)
    theirs, ours = other._link.connection, session._link.connection
    assert theirs is not None and ours is not None
    assert theirs.ready == ours.ready
    other.close()


def test_a_client_forgotten_by_the_backend_is_greeted_again(session):
    session._link.connection.close()
    ready = ReadyFile.read(session.place.ready_file)
    session._link._connection = Connection(ready)  # one that never said HELLO
    assert session.wait(session.submit("doctor", {}), LIMIT_S) == {"well": True}


@pytest.mark.parametrize("fields", [("server_key",), ("client_key", "client_secret")])
def test_who_has_not_both_keys_is_not_answered(session, fields):
    ready, other = ReadyFile.read(session.place.ready_file), another_start()
    wrong = dataclasses.replace(ready, **{name: getattr(other, name) for name in fields})
    with pytest.raises(ConnectionLost, match="did not answer"):
        Connection.open(wrong, timeout_s=1.0)


def test_a_backend_of_another_protocol_version_is_refused(session):
    ready = ReadyFile.read(session.place.ready_file)
    with pytest.raises(Refused, match="protocol 99") as caught:
        Connection.open(dataclasses.replace(ready, protocol=99))
    assert caught.value.code == "WRONG_VERSION"


def test_nobody_listening_is_a_lost_connection_after_the_time_out():
    with pytest.raises(ConnectionLost, match=r"within 0\.3 s"):
        Connection.open(dataclasses.replace(another_start(), port=9), timeout_s=0.3)


@pytest.mark.slow
@posix_only
def test_a_killed_backend_takes_its_jobs_up_again_at_the_next_start(tmp_path):
    steps = tmp_path / "steps"
    with session_in(tmp_path) as session:
        running = session.submit("train", {"file": str(steps), "steps": 15, "pause_s": 0.05})
        waiting = session.submit("pretend_count", {"steps": 2})
        wait_until(lambda: running.info.progress and running.info.progress.step > 1, session)
        worker = int(steps.read_text().split()[0])
        kill_backend(session.place)
        session.close()
        wait_until(lambda: not is_process(worker))  # no orphan goes on writing
        done_before = len(steps.read_text().splitlines())

        again = Session.open(session.place)
        try:
            result = again.wait(again.attach(running.id), LIMIT_S)
            assert again.wait(again.attach(waiting.id), LIMIT_S)["counted"] == 2
        finally:
            again.close()
    assert result == {"started_at": done_before, "steps": 15, "start": "auto"}
    assert len(set(steps.read_text().split())) == 2


@pytest.mark.slow
@posix_only
def test_a_session_starts_a_killed_backend_again_and_its_job_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(link, "SUSPECT_S", 0.3)
    steps = tmp_path / "steps"
    with session_in(tmp_path) as session:
        handle = session.submit("train", {"file": str(steps), "steps": 12, "pause_s": 0.05})
        wait_until(lambda: handle.info.progress and handle.info.progress.step > 1, session)
        kill_backend(session.place)
        assert session.wait(handle, LIMIT_S)["start"] == "auto"
    assert (len(steps.read_text().splitlines()), handle.info.attempts) == (12, 2)


@pytest.mark.slow
@posix_only
def test_a_backend_that_stops_answering_is_noticed_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(client_protocol, "HEARTBEAT_TIMEOUT_S", 3.0)
    with session_in(tmp_path) as session:
        pid = ReadyFile.read(session.place.ready_file).pid
        handle = session.submit("pretend_count", {"steps": 1})
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: not session.connected, session)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert session.wait(handle, LIMIT_S)["counted"] == 1
        assert ReadyFile.read(session.place.ready_file).pid == pid


@pytest.mark.slow
@posix_only
def test_a_hanging_backend_is_stopped_by_its_process_id(tmp_path, monkeypatch):
    with session_in(tmp_path) as session:
        pid = ReadyFile.read(session.place.ready_file).pid
        os.kill(pid, signal.SIGSTOP)
        session.close()
        assert process.stop(session.place, timeout_s=1.0)
        assert not is_process(pid)
        assert not session.place.ready_file.exists()


@pytest.mark.slow
def test_stopping_the_backend_tells_the_session_and_keeps_the_job(tmp_path):
    steps = tmp_path / "steps"
    with session_in(tmp_path) as session:
        handle = session.submit("train", {"file": str(steps), "steps": 12, "pause_s": 0.05})
        wait_until(lambda: handle.info.progress and handle.info.progress.step > 1, session)
        assert process.stop(session.place)
        with pytest.raises(ConnectionLost, match="a client asked for it"):
            wait_until(lambda: handle.ended, session)
        assert not process.stop(session.place)
        again = Session.open(session.place)
        try:
            assert again.wait(again.attach(handle.id), LIMIT_S)["steps"] == 12
        finally:
            again.close()


def test_a_backend_that_is_not_installed_is_named_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match="not installed") as caught:
        Starting(BackendPlace(tmp_path / "no" / "python", tmp_path, tmp_path / "state")).wait()
    assert "Install Backend" in caught.value.do


def test_a_backend_that_ends_at_its_start_is_told_with_the_end_of_its_log(tmp_path):
    place = place_in(tmp_path, "--idle-timeout", "soon")
    with pytest.raises(InternalError, match="invalid float value: 'soon'"):
        Starting(place).wait()


@posix_only
def test_a_backend_that_does_not_get_ready_in_time_is_ended_and_said(tmp_path):
    (tmp_path / "backend").mkdir()
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho $$\nexec sleep 600\n")
    python.chmod(0o755)
    place = BackendPlace(python, tmp_path, tmp_path / "state")
    with pytest.raises(InternalError, match="did not get ready in time"):
        Starting(place, timeout_s=1.0).wait()
    pid = int(place.start_log.read_text())
    wait_until(lambda: not is_process(pid))


def test_a_backend_that_cannot_be_ended_is_named_with_its_process(tmp_path, monkeypatch):
    with session_in(tmp_path) as session:
        pid = ReadyFile.read(session.place.ready_file).pid
        with monkeypatch.context() as patched:
            patched.setattr(process, "_has_ended", lambda place, pid: False)
            patched.setattr(process, "_end", lambda pid, number: None)
            with pytest.raises(InternalError, match=f"process {pid} does not end"):
                process.stop(session.place, timeout_s=0.2)


def test_two_windows_that_start_at_once_share_one_backend(tmp_path):
    place = place_in(tmp_path)
    first, second = Starting(place), Starting(place)
    try:
        while not (first.poll() & second.poll()):
            time.sleep(0.02)
        assert first.result() == second.result()
    finally:
        process.stop(place)
        for starting in (first, second):
            starting.abandon()  # the slower one may have become a backend of its own once the first had stopped
