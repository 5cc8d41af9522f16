"""The add-on's child process that installs the backend: streaming, its end, and cancelling it with its children."""

import os
import subprocess
import threading
import time

import pytest
from extension_without_blender.client.installation import Installation, outcome
from extension_without_blender.shared.errors import EXIT_CALLER, EXIT_CANCELLED, InputError

from tests.support import extension_shim  # noqa: F401  (makes the add-on's client importable)

TALKATIVE = """
import sys
print("package 1 of 2")
print("package 2 of 2")
print("arguments", sys.argv[1:])
"""
SLOW = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def source(tmp_path):
    """A folder whose `shared.setup` is the given program."""

    def make(program: str):
        package = tmp_path / "shared" / "setup"
        package.mkdir(parents=True)
        (tmp_path / "shared" / "__init__.py").write_text("")
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(program)
        return tmp_path

    return make


def poll_until(condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def hear(installation, heard):
    """Whether anything has been said, with what is new put into `heard`."""
    heard += installation.poll()
    return bool(heard)


def test_every_line_arrives_and_then_the_status(source, tmp_path):
    installation = Installation(source(TALKATIVE), tmp_path / "environment", tmp_path / "models")
    heard: list[str] = []
    poll_until(lambda: hear(installation, heard) and installation.status is not None)
    assert installation.status == 0
    assert heard[:2] == ["package 1 of 2", "package 2 of 2"]
    assert str(tmp_path / "environment") in heard[2]
    assert f"'--models-dir', '{tmp_path / 'models'}'" in heard[2]
    assert installation.last_line == heard[2]


def test_the_packages_of_the_present_step_are_counted_from_its_lines(source, tmp_path):
    program = "print('Making it'); print('  package 1 of 55: numpy==2'); print('  package 43 of 55: scipy==1.17.1')"
    installation = Installation(source(program), tmp_path / "environment")
    assert installation.packages == (0, 0)
    installation.wait(lambda line: None)
    assert installation.packages == (43, 55)


def test_waiting_gives_every_line_to_the_log(source, tmp_path):
    heard: list[str] = []
    assert Installation(source(TALKATIVE), tmp_path / "environment").wait(heard.append) == 0
    assert len(heard) == 3


def test_cancelling_ends_the_child_and_its_children(source, tmp_path):
    installation = Installation(source(SLOW), tmp_path / "environment")
    heard: list[str] = []
    poll_until(lambda: hear(installation, heard))
    grandchild = int(heard[0])
    assert is_running(grandchild)
    installation.cancel()
    poll_until(lambda: installation.poll() or installation.status is not None)
    assert installation.status == EXIT_CANCELLED
    poll_until(lambda: not is_running(grandchild))


def is_running(pid: int) -> bool:
    """Whether a process lives; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


if not os.path.isdir("/proc"):
    test_cancelling_ends_the_child_and_its_children = pytest.mark.skip(reason="asks /proc, which only Linux has")(
        test_cancelling_ends_the_child_and_its_children
    )


@pytest.mark.parametrize("ask", [lambda i: i.wait(print), lambda i: poll_until(lambda: i.poll() and False)])
def test_a_folder_that_cannot_be_made_is_the_caller_s_to_mend(source, tmp_path, ask):
    (tmp_path / "file").write_text("")
    installation = Installation(source(TALKATIVE), tmp_path / "file" / "x" / "environment")
    with pytest.raises(InputError, match=f"cannot be started.*{tmp_path / 'file'}"):
        ask(installation)
    assert installation.status == EXIT_CALLER


def test_neither_beginning_nor_cancelling_waits_for_the_child(source, tmp_path, monkeypatch):
    """The child's start is held up here: both calls, and polls between, return all the same."""
    may_start = threading.Event()
    start = subprocess.Popen

    def held_up(*arguments, **options):
        assert may_start.wait(60)
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", held_up)
    installation = Installation(source(SLOW), tmp_path / "environment")
    assert installation.poll() == [] and installation.status is None
    installation.cancel()
    assert installation.poll() == [] and installation.status is None
    may_start.set()
    poll_until(lambda: installation.poll() or installation.status is not None)
    assert installation.status == EXIT_CANCELLED


def test_outcomes_are_reported_at_the_level_they_deserve():
    assert outcome(0, "Done.") == ("INFO", "The backend is installed.")
    assert outcome(130, "x")[0] == "WARNING"
    assert outcome(2, "The disk is full.") == ("ERROR", "The disk is full.")
    assert outcome(1, "KeyError: 'x'") == ("ERROR", "The installation failed: KeyError: 'x'")
