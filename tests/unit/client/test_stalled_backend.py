"""A backend that stalls, dies, never answers or is of another version holds no turn of the loop that polls it.

Every poll here goes through tests.support.no_waiting, in which each way to wait raises.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from extension_without_blender.client import link, process
from extension_without_blender.client import transport as client_transport
from extension_without_blender.client.link import State
from extension_without_blender.client.process import BackendPlace
from extension_without_blender.client.session import Session
from extension_without_blender.client.transport import ConnectionLost
from extension_without_blender.shared import protocol as client_protocol
from extension_without_blender.shared.locking import FileLock
from extension_without_blender.shared.ready import BACKEND_LOCK, ReadyFile
from extension_without_blender.shared.version import VERSION

from tests.support.keyed import a_ready_file
from tests.support.no_waiting import Turns, Waited, nothing_waits
from tests.support.places import ROOT
from tests.support.serving import LIMIT_S, is_process, session_in

pytestmark = pytest.mark.slow
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture
def impatient(monkeypatch):
    """All patience short, so that a stall of seconds leads through every state."""
    monkeypatch.setattr(client_protocol, "HEARTBEAT_TIMEOUT_S", 2.5)
    monkeypatch.setattr(link, "SUSPECT_S", 2.2)
    monkeypatch.setattr(link, "GREETING_TIMEOUT_S", 1.0)
    monkeypatch.setattr(link, "RETRY_S", 0.5)


@pytest.fixture
def turns():
    """Turns of which none may wait; the clock is asked at the end."""
    turns = Turns()
    yield turns
    turns.check_clock()


def poll_and_note(session, states):
    def turn():
        session.poll()
        states.add(session.state)

    return turn


@pytest.mark.parametrize(
    "wait",
    [
        lambda: time.sleep(0.001),
        lambda: threading.Event().wait(0.001),
        lambda: socket.create_connection(("127.0.0.1", 9), 0.001),
        lambda: os.waitpid(-1, 0),
        lambda: open(os.devnull).close(),
    ],
)
def test_the_turns_of_these_tests_notice_whoever_waits(wait):
    with pytest.raises(Waited), nothing_waits():
        wait()


@posix_only
def test_a_backend_stopped_for_ten_seconds_holds_no_turn_and_its_job_goes_on(tmp_path, impatient, turns):
    with session_in(tmp_path) as session:
        handle = session.submit("pretend_count", {"steps": 40, "pause_s": 0.05})
        states: set[State] = set()
        turn = poll_and_note(session, states)
        turns.take_until(turn, lambda: handle.info.progress and handle.info.progress.step > 1)
        pid = ReadyFile.read(session.place.ready_file).pid
        os.kill(pid, signal.SIGSTOP)
        try:
            turns.take_for(turn, 10.0)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert states >= {State.CONNECTED, State.LOOKING, State.GREETING, State.LOST}
        turns.take_until(turn, lambda: handle.ended)
        assert handle.result()["counted"] == 40
        assert ReadyFile.read(session.place.ready_file).pid == pid


@posix_only
def test_a_backend_that_dies_is_started_again_without_holding_a_turn(tmp_path, impatient, turns):
    with session_in(tmp_path) as session:
        steps = tmp_path / "steps"
        handle = session.submit("train", {"file": str(steps), "steps": 12, "pause_s": 0.05})
        states: set[State] = set()
        turn = poll_and_note(session, states)
        turns.take_until(turn, lambda: handle.info.progress and handle.info.progress.step > 1)
        os.kill(ReadyFile.read(session.place.ready_file).pid, signal.SIGKILL)
        turns.take_until(turn, lambda: handle.ended, 120)
        assert states >= {State.LOOKING, State.STARTING, State.GREETING, State.CONNECTED}
        assert handle.result()["start"] == "auto"


def test_a_port_whose_owner_never_answers_is_given_up_without_holding_a_turn(tmp_path, impatient, turns, monkeypatch):
    monkeypatch.setattr(link, "STALL_TIMEOUT_S", 4.0)
    place = BackendPlace(tmp_path / "python", tmp_path, tmp_path)
    lock = FileLock(tmp_path / BACKEND_LOCK)  # as a living backend holds it
    assert lock.acquire()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        a_ready_file(silent.getsockname()[1], VERSION).write(place.ready_file)
        session = Session(place)
        session.submit("pretend_count", {"steps": 1})
        states: set[State] = set()
        with pytest.raises(ConnectionLost, match="does not answer"):
            turns.take_until(poll_and_note(session, states), lambda: False)
    lock.release()
    assert states >= {State.LOOKING, State.GREETING, State.LOST}
    assert session.idle


def test_a_backend_of_another_version_is_replaced_without_holding_a_turn(tmp_path, turns):
    with session_in(tmp_path) as old:
        before = ReadyFile.read(old.place.ready_file)
        old.close()
        written = json.loads(old.place.ready_file.read_text())
        old.place.ready_file.write_text(json.dumps({**written, "version": "77"}))
        session = Session(old.place)
        session.begin()
        states: set[State] = set()
        turns.take_until(poll_and_note(session, states), lambda: session.connected)
        session.close()
        assert states >= {State.LOOKING, State.STOPPING, State.STARTING, State.GREETING}
        assert not is_process(before.pid)


@posix_only
def test_stopping_a_backend_that_hangs_holds_no_turn(tmp_path, turns, monkeypatch):
    monkeypatch.setattr(link, "Stopping", lambda place: process.Stopping(place, timeout_s=1.0))
    with session_in(tmp_path) as session:
        pid = ReadyFile.read(session.place.ready_file).pid
        os.kill(pid, signal.SIGSTOP)
        turns.take(session.stop)
        turns.take_until(session.poll, lambda: session.state is State.STOPPED)
        assert session.idle
        assert not is_process(pid)


def test_a_folder_that_cannot_be_read_is_given_up_without_holding_a_turn(tmp_path, turns, monkeypatch):
    """As on a network that is gone: the thread that reads hangs."""
    is_over = threading.Event()
    monkeypatch.setattr(link, "look", lambda place: is_over.wait(60))
    monkeypatch.setattr(link, "LOOK_TIMEOUT_S", 0.5)
    session = Session(BackendPlace(tmp_path / "python", tmp_path, tmp_path / "state"))
    session.begin()
    with pytest.raises(ConnectionLost, match="cannot be read within"):
        turns.take_until(session.poll, lambda: False)
    is_over.set()


def test_joining_and_leaving_hold_no_turn(tmp_path, turns):
    with session_in(tmp_path) as running:
        other = Session(running.place)
        turns.take(other.join)
        listed = turns.take(other.ask_for_jobs)
        turns.take_until(other.poll, lambda: listed.jobs is not None)
        turns.take_for(other.poll, 0.5)
        turns.take(other.close)


def test_a_long_backlog_is_taken_in_over_several_turns(tmp_path, monkeypatch):
    monkeypatch.setattr(client_transport, "MOST_MESSAGES", 3)
    with session_in(tmp_path) as session:
        session.wait_for_jobs()
        lists = [session.ask_for_jobs() for _ in range(10)]
        time.sleep(1.0)  # all answers are there now, or a later poll finds them
        most = 0
        deadline = time.monotonic() + LIMIT_S
        while any(listed.jobs is None for listed in lists):
            assert time.monotonic() < deadline
            before = sum(listed.jobs is not None for listed in lists)
            session.poll()
            most = max(most, sum(listed.jobs is not None for listed in lists) - before)
        assert 1 <= most <= 3


def test_loading_zeromq_is_left_to_a_thread(tmp_path):
    """In a process of its own, which has not loaded it yet."""
    program = f"""
import builtins, sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.support import extension_shim
from extension_without_blender.client.process import BackendPlace
from extension_without_blender.client.session import Session
assert 'zmq' not in sys.modules
loaded_by = []
load = builtins.__import__
def watched(name, *arguments):
    if name == 'zmq' and 'zmq' not in sys.modules:
        loaded_by.append(threading.get_ident())
    return load(name, *arguments)
builtins.__import__ = watched
session = Session(BackendPlace(Path('python'), Path('.'), Path({str(tmp_path)!r})))
session.join()
while not session.idle or not loaded_by:
    session.poll()
    time.sleep(0.01)
assert loaded_by[0] != threading.get_ident()
print('LOADED IN A THREAD')
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert "LOADED IN A THREAD" in ended.stdout, ended.stderr
