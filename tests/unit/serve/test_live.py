"""Live heads of a running backend: the newest request is drawn, jobs go on, and whatever ends, nothing is left."""

import os
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.serve.live import LiveHeads
from backend.serve.server import Server
from backend.settings import ServeSettings
from shared import protocol
from shared.live_picture import read_live_picture
from shared.ready import ReadyFile
from tests.support.keyed import LIMIT_S, Keyed
from tests.support.serving import PYTHON_PATH, is_process, wait_until

HEADS = "tests.support.fake_heads"
SIZE = 8
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts a server with such settings in a thread, and returns it with its ready file."""
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)
    started: list[tuple[Server, threading.Thread]] = []

    def begin(**settings):
        folder = tmp_path / f"backend{len(started)}"
        server = Server(
            folder / "state", folder / "ready.json", ServeSettings(**settings), "tests.support.fake_verbs", "9.9",
            heads=HEADS,
        )  # fmt: skip
        thread = threading.Thread(target=server.run)
        thread.start()
        started.append((server, thread))
        wait_until((folder / "ready.json").exists)
        return server, ReadyFile.read(folder / "ready.json")

    yield begin
    for server, thread in started:
        server.stop("the test is over")
        thread.join(LIMIT_S)
        assert not thread.is_alive()


@pytest.fixture
def greeted(start):
    """(server, a greeted client)."""
    server, ready = start()
    with Keyed(ready) as client:
        client.greet()
        yield server, client


def open_head(client, folder, **fields):
    """Open a live head and wait until it is there; what is told of it."""
    answer = client.ask(protocol.LiveOpen(str(folder), **{"size": SIZE, **fields}), 5)
    assert answer == (protocol.Live("OPENING"), 5)
    live, request = client.hear(protocol.Live)
    assert (live.state, request) == ("READY", 0), live
    return live.head


def drawn(client, request):
    message, number = client.hear(protocol.Drawn, protocol.Error)
    assert isinstance(message, protocol.Drawn) and number == request, message
    return message


def head_of(server):
    (head,) = server._live._there.values()
    return head


def test_a_frame_is_drawn_with_its_curves_and_lies_in_a_file(greeted, tmp_path):
    _, client = greeted
    assert open_head(client, tmp_path)["frames"] == 100
    client.send(protocol.Draw(7, {"jawOpen": 0.5}), 11)
    told = drawn(client, 11)
    picture = read_live_picture(told.path, told.number)
    assert picture is not None
    assert (picture.width, picture.height, len(picture.rgba)) == (SIZE, SIZE, 16 * SIZE * SIZE)
    assert [round(255 * value) for value in struct.unpack_from("<4f", picture.rgba)] == [7, 128, 0, 255]
    assert (told.frame, told.replaced) == (7, 0) and told.took_ms >= 0


def test_the_last_request_wins_and_those_between_are_never_drawn(greeted, tmp_path):
    _, client = greeted
    open_head(client, tmp_path)
    client.send(protocol.Draw(1, {"seconds": 0.5}), 20)
    for number in range(2, 32):
        client.send(protocol.Draw(number), 20 + number)
    first, last = drawn(client, 20), drawn(client, 51)
    assert (first.frame, last.frame, last.number) == (1, 31, 2)
    assert first.replaced + last.replaced == 29
    assert client.hear(protocol.Drawn, limit_s=0.3) is None


def test_a_frame_that_is_asked_for_while_the_head_opens_is_drawn_when_it_is_there(greeted, tmp_path):
    _, client = greeted
    client.ask(protocol.LiveOpen(str(tmp_path), size=SIZE), 5)
    for number in (1, 2, 3):
        client.send(protocol.Draw(number), number)
    assert drawn(client, 3).frame == 3


def test_a_picture_that_was_drawn_over_is_not_taken_for_the_one_asked_for(greeted, tmp_path):
    _, client = greeted
    open_head(client, tmp_path)
    told = []
    for number in range(1, 6):
        client.send(protocol.Draw(number), number)
        told.append(drawn(client, number))
    assert len({message.path for message in told}) == 3
    assert [read_live_picture(message.path, message.number) is not None for message in told] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_only_the_client_that_opened_it_has_it(start, tmp_path):
    _, ready = start()
    with Keyed(ready) as one, Keyed(ready) as other:
        one.greet()
        other.greet()
        open_head(one, tmp_path)
        answer, _ = other.ask(protocol.Draw(1), 9)
        assert (answer.code, answer.what) == ("REFUSED", "No live head is open.")
        assert other.ask(protocol.LiveClose(), 10)[0].state == "CLOSED"
        one.send(protocol.Draw(1), 11)
        assert drawn(one, 11).frame == 1
        assert other.hear(protocol.Live, protocol.Drawn, limit_s=0.2) is None


def test_before_hello_there_is_no_live_head(start, tmp_path):
    _, ready = start()
    with Keyed(ready) as client:
        for message in (protocol.LiveOpen(str(tmp_path)), protocol.Draw(1), protocol.LiveClose()):
            assert client.ask(message)[0].code == "HELLO_FIRST"


def test_no_more_than_so_many_are_open_at_once_and_each_client_has_one(start, tmp_path):
    server, ready = start(most_live=1)
    with Keyed(ready) as one, Keyed(ready) as other:
        one.greet()
        other.greet()
        open_head(one, tmp_path)
        first = head_of(server).process.pid
        answer, _ = other.ask(protocol.LiveOpen(str(tmp_path)), 9)
        assert answer.code == "REFUSED" and "another window" in answer.do
        open_head(one, tmp_path)
        assert head_of(server).process.pid != first
        wait_until(lambda: not is_process(first))
        one.ask(protocol.LiveClose(), 10)
        open_head(other, tmp_path)


def test_it_goes_with_its_client_and_leaves_no_picture(start, tmp_path):
    server, ready = start()
    with Keyed(ready) as client:
        client.greet()
        open_head(client, tmp_path)
        client.send(protocol.Draw(1), 1)
        folder = Path(drawn(client, 1).path).parent.parent
        pid = head_of(server).process.pid
        assert folder.is_dir() and (sys.platform == "win32" or folder.stat().st_mode & 0o77 == 0)
    wait_until(lambda: not is_process(pid) and not folder.exists())
    assert not server._live._there


def test_closing_it_removes_process_and_pictures_at_once(greeted, tmp_path):
    server, client = greeted
    open_head(client, tmp_path)
    client.send(protocol.Draw(1), 1)
    folder, pid = Path(drawn(client, 1).path).parent.parent, head_of(server).process.pid
    assert client.ask(protocol.LiveClose(), 2) == (protocol.Live("CLOSED"), 2)
    wait_until(lambda: not is_process(pid) and not folder.exists())
    assert client.ask(protocol.Draw(1), 3)[0].code == "REFUSED"


@posix_only
def test_a_process_that_is_killed_is_told_of_and_leaves_no_picture(greeted, tmp_path):
    server, client = greeted
    open_head(client, tmp_path)
    client.send(protocol.Draw(1), 1)
    folder = Path(drawn(client, 1).path).parent.parent
    os.kill(head_of(server).process.pid, signal.SIGKILL)
    live, _ = client.hear(protocol.Live)
    assert live.state == "CLOSED" and "signal 9" in live.what and "live0.log" in live.do
    wait_until(lambda: not folder.exists())
    open_head(client, tmp_path)


def test_a_crash_while_drawing_is_told_of(greeted, tmp_path):
    _, client = greeted
    open_head(client, tmp_path)
    client.send(protocol.Draw(1, {"crash": 1.0}), 1)
    live, _ = client.hear(protocol.Live)
    assert live.state == "CLOSED" and "exit status 7" in live.what and not live.reopen


def test_a_head_that_cannot_be_opened_says_why(greeted, tmp_path):
    _, client = greeted
    client.ask(protocol.LiveOpen(str(tmp_path), "none"), 5)
    live, _ = client.hear(protocol.Live)
    assert (live.state, live.what, live.do) == ("CLOSED", "There is no model.", "Train one.")


def test_a_frame_that_cannot_be_drawn_is_refused_and_the_next_is_drawn(greeted, tmp_path):
    _, client = greeted
    open_head(client, tmp_path)
    client.send(protocol.Draw(101), 1)
    error, request = client.hear(protocol.Error)
    assert (error.code, error.what, request) == ("REFUSED", "There is no frame 101.", 1)
    client.send(protocol.Draw(100), 2)
    assert drawn(client, 2).frame == 100


def test_a_head_that_does_not_answer_is_given_up(start, tmp_path):
    _, ready = start(live_draw_s=0.5)
    with Keyed(ready) as client:
        client.greet()
        open_head(client, tmp_path)
        client.send(protocol.Draw(1, {"seconds": 60.0}), 1)
        live, _ = client.hear(protocol.Live)
        assert live.state == "CLOSED" and "does not answer" in live.what


def test_a_head_that_does_not_open_is_given_up(start, tmp_path):
    _, ready = start(start_timeout_s=1.0)
    with Keyed(ready) as client:
        client.greet()
        client.ask(protocol.LiveOpen(str(tmp_path), "slow"), 5)
        live, _ = client.hear(protocol.Live)
        assert live.state == "CLOSED" and "does not answer" in live.what


def test_a_head_that_nobody_looks_at_is_closed_and_may_be_opened_again(start, tmp_path):
    _, ready = start(live_idle_s=0.3)
    with Keyed(ready) as client:
        client.greet()
        open_head(client, tmp_path)
        live, _ = client.hear(protocol.Live)
        assert live.state == "CLOSED" and live.reopen and "not looked at" in live.what


def test_what_the_head_is_of_is_watched(greeted, tmp_path):
    _, client = greeted
    (tmp_path / "model").touch()
    open_head(client, tmp_path / "model")
    (tmp_path / "model").unlink()
    live, _ = client.hear(protocol.Live)
    assert (live.state, live.what, live.reopen) == ("CLOSED", "The model was trained.", True)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system has no quick answer to how much is used")
def test_a_head_that_takes_too_much_memory_is_closed_in_words(start, tmp_path):
    _, ready = start(live_memory_mb=1)
    with Keyed(ready) as client:
        client.greet()
        open_head(client, tmp_path)
        client.send(protocol.Draw(1), 1)
        live, _ = client.hear(protocol.Live)
        assert live.state == "CLOSED" and "MiB of memory" in live.what


def test_jobs_go_on_beside_it_and_it_is_no_job(greeted, tmp_path):
    _, client = greeted
    open_head(client, tmp_path)
    client.ask(protocol.Submit("a", "pretend_count", {"steps": 20, "pause_s": 0.05}), 2)
    for number in range(1, 11):
        client.send(protocol.Draw(number), number)
        assert drawn(client, number).frame == number
    ended, _ = client.hear(protocol.Result)
    assert ended.job["state"] == "DONE"
    client.send(protocol.ListJobs(), 3)
    listed, _ = client.hear(protocol.Jobs)
    assert [job["id"] for job in listed.jobs] == ["a"]


def test_a_head_that_does_not_read_holds_up_nobody(start, tmp_path, monkeypatch):
    """The backend answers others while a head draws for long, and asks of it only one picture at a time."""
    sent = []
    whole = LiveHeads._go_on

    def counted(self, head):
        before = head.drawings
        whole(self, head)
        sent.extend([1] * (head.drawings - before))

    monkeypatch.setattr(LiveHeads, "_go_on", counted)
    _, ready = start()
    with Keyed(ready) as client, Keyed(ready) as other:
        client.greet()
        other.greet()
        open_head(client, tmp_path)
        client.send(protocol.Draw(1, {"seconds": 2.0}), 1)
        padding = {f"curve{index}": 0.5 for index in range(2000)}
        for number in range(2, 60):
            client.send(protocol.Draw(number, padding), number)
        began = time.monotonic()
        answers = 0
        while client.hear(protocol.Drawn, limit_s=0.01) is None:
            assert isinstance(other.ask(protocol.ListJobs(), 4)[0], protocol.Jobs)
            answers += 1
            assert time.monotonic() - began < LIMIT_S
        assert answers > 10 and len(sent) <= 2


def test_the_backend_itself_never_loads_what_draws():
    import subprocess

    code = "import sys, backend.serve.server; sys.exit('torch' in sys.modules or 'backend.deliver' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=LIMIT_S, check=False).returncode == 0


@posix_only
def test_pictures_of_a_killed_backend_go_with_the_heads_process(tmp_path, monkeypatch):
    from tests.support.serving import session_in

    with session_in(tmp_path, "--heads", HEADS) as session:
        ready = ReadyFile.read(session.place.ready_file)
        with Keyed(ready) as client:
            client.greet()
            open_head(client, tmp_path)
            client.send(protocol.Draw(1), 1)
            folder = Path(drawn(client, 1).path).parent.parent
            os.kill(ready.pid, signal.SIGKILL)
            wait_until(lambda: not folder.exists())
