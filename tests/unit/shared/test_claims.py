"""Who works on something: one at a time, and the next one is told who and since when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from shared.claims import Claims, Holder, claim_path, claiming
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter

HOLD = """
import sys, time
from pathlib import Path
from shared.claims import claiming
from shared.jobs import Reporter
with claiming(lambda: [Path(sys.argv[1])], "trained", Reporter()):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds tmp_path / "anna"."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "anna")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_another_process_holds_is_waited_for_and_the_user_is_told_by_whom(tmp_path, other):
    said, asked = [], []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    report = Reporter(lambda progress: said.append(progress.message), cancelled)
    with pytest.raises(Cancelled), claiming(lambda: [tmp_path / "anna"], "rendered", report):
        raise AssertionError("it is held by another one")
    assert len(said) == 1, "it is said once"
    told = said[0] or ""
    assert f"anna is being trained by process {other.pid}" in told and "for 0 s already" in told


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_process_that_is_killed_holds_nothing(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert claim_path(tmp_path / "anna").exists()
    with claiming(lambda: [tmp_path / "anna"], "rendered", Reporter()):
        holder = Holder.read(claim_path(tmp_path / "anna").read_bytes())
        assert holder is not None and holder.pid == os.getpid()
    assert os.listdir(tmp_path) == []


def test_all_or_none_is_held(tmp_path, other):
    claims = Claims()
    held = claims.take([tmp_path / "berta", tmp_path / "anna"], "made")
    assert held is not None and held[0] == tmp_path / "anna"
    assert not claim_path(tmp_path / "berta").exists()


def test_a_folder_is_the_same_by_every_name(tmp_path, other):
    (tmp_path / "anna").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "anna")
    assert Claims().take([tmp_path / "link"], "made") is not None
    assert Claims().take([tmp_path / "x" / ".." / "anna"], "made") is not None


def test_of_many_that_want_one_thing_there_is_one_at_a_time(tmp_path):
    inside, most = [], []

    def work() -> None:
        for _ in range(5):
            with claiming(lambda: [tmp_path / "anna"], "made", Reporter()):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20
    assert os.listdir(tmp_path) == []


def test_a_place_in_which_no_lock_can_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file, not a folder"):
        Claims().take([tmp_path / "file" / "anna"], "made")


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b"{}", b'{"pid": "x"}', b"\xff", b"[" * 100000])
def test_a_lock_that_says_nothing_has_an_unknown_holder(said):
    assert Holder.read(said) is None
