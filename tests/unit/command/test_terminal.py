"""What a terminal is told stands there as it is, whatever names and files hold, and ends no work."""

import io
import subprocess
import sys

import pytest

from backend.command.terminal import ProgressBar, print_result
from shared.errors import LONGEST_TEXT, InputError
from shared.jobs import Progress, Reporter
from tests.support.places import ROOT

NAMES = ("shot [final].mov", "shot [/final].mov", "[red]shot", "a:smile:b", "ärger 一.csv")


@pytest.mark.parametrize("name", NAMES)
def test_a_result_has_names_as_they_are(name, capsys):
    print_result("export", {"out": name, "list": [name], "within": {"deeper": name}})
    assert capsys.readouterr().out == f"out: {name}\nlist:\n  {name}\nwithin:\n  deeper: {name}\n"


@pytest.mark.parametrize("name", NAMES)
def test_messages_have_names_as_they_are(name, capsys):
    with ProgressBar() as bar:
        bar.show(Progress("write", message=name))
    assert f"  {name}\n" in capsys.readouterr().err


def test_what_would_steer_a_terminal_is_shown_and_does_nothing(capsys):
    with ProgressBar() as bar:
        bar.show(Progress("write", message="\x1b[2J\x00\udcff"))
    print_result("export", {"out": "\x1b]0;title\x07"})
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "\x07" not in told.out
    assert r"\x1b[2J\x00\udcff" in told.err and r"\x1b]0;title\x07" in told.out


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_a_terminal_that_lacks_letters_does_not_end_the_command(encoding):
    command = "import sys; from backend.command import cli; sys.exit(cli.main(['train', '--subject', 'ä 一 \\udcff']))"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, timeout=120,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": f"{encoding}:strict", "SYSTEMROOT": ""},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert rb"\udcff is not a subject folder" in done.stderr and b"Traceback" not in done.stderr


def test_a_result_is_printed_where_the_encoding_lacks_its_letters(monkeypatch):
    from backend.command.terminal import write_anything

    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="cp1252", errors="strict"))
    write_anything()
    print_result("export", {"out": "一.csv"})
    sys.stdout.flush()
    assert held.getvalue().strip() == rb"out: \u4e00.csv"


def test_texts_without_an_end_are_told_shortly():
    told: list[str] = []
    error = InputError("x" * 10_000_000 + " is wrong.", "Mend it.")
    Reporter(lambda progress: told.append(progress.message or "")).message("y" * 10_000_000 + " at last")
    assert len(error.what) <= LONGEST_TEXT and error.what.endswith(" is wrong.") and str(error).endswith(" Mend it.")
    assert len(told[0]) <= LONGEST_TEXT and told[0].endswith(" at last")
