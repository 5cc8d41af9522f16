"""What compiled libraries print stays off a terminal, and is kept after a fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

PROGRAM = """
import os, sys
from backend.command.native_messages import call_with_quiet_libraries
def main():
    os.write(2, b"W0000 a notice of a library\\n")
    print("a word of ours", file=sys.stderr)
    return {status}
status = call_with_quiet_libraries(main)
print("afterwards", file=sys.stderr)
os.write(2, b"the library again\\n")
sys.exit(status)
"""


def run_on_a_terminal(status: int) -> str:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    mine, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(status=status)],
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(mine, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other end of a terminal has closed
        shown += b""
    os.close(mine)
    assert child.wait() == status
    return shown.decode()


def test_a_terminal_shows_our_words_and_not_the_libraries():
    shown = run_on_a_terminal(0)
    assert "a word of ours" in shown
    assert "a notice of a library" not in shown
    assert "What the libraries said" not in shown


def test_afterwards_standard_error_is_as_it_was():
    shown = run_on_a_terminal(0)
    assert "afterwards" in shown
    assert "the library again" in shown


def test_after_a_fault_what_the_libraries_said_is_kept():
    shown = run_on_a_terminal(1)
    kept = Path(shown.partition("What the libraries said is in ")[2].splitlines()[0].removesuffix("."))
    assert kept.read_text() == "W0000 a notice of a library\n"
    kept.unlink()


def test_a_log_gets_everything():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(status=0)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    assert "a notice of a library" in run.stderr
    assert "a word of ours" in run.stderr
