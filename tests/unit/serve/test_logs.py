"""Logs that nobody can make long, and that nobody else can read."""

import logging
import stat
import sys

import pytest

from backend.serve import logs
from backend.serve.logs import Brief, CappedLog, log_to, older, remove_log


@pytest.fixture
def log_file(tmp_path):
    """A file that this process logs to, until the test is over."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log_to(tmp_path / "backend.log")
    yield tmp_path / "backend.log"
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def record(text, *arguments):
    return logging.LogRecord("a", logging.WARNING, "file", 1, text, arguments, None)


def test_a_long_message_is_cut_and_says_how_long_it_was(log_file):
    logging.getLogger("x").warning("refused: %s", "y" * 100_000)
    text = log_file.read_text()
    assert len(text) < 3000 and "(100009 characters)" in text


def test_of_many_messages_alike_a_few_are_written_and_then_how_many_they_were(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    brief = Brief()
    assert sum(brief.filter(record("refused %s", number)) for number in range(1000)) == logs.ALIKE
    assert brief.filter(record("another kind"))
    now[0] += logs.ALIKE_S + 1
    late = record("refused %s", "again")
    assert brief.filter(late)
    assert late.getMessage() == f"refused again (and {1000 - logs.ALIKE} like it)"


def test_the_log_of_the_backend_is_cut_and_private(log_file, monkeypatch):
    monkeypatch.setattr(logging.getLogger().handlers[0], "maxBytes", 2000)
    for number in range(100):
        logging.getLogger(f"logger {number}").info("%s", "z" * 100)
    assert log_file.stat().st_size <= 2000 and older(log_file).stat().st_size <= 2000
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in (log_file, older(log_file))} == {0o600}


def test_the_log_of_a_job_keeps_its_newest_part(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 100)
    path = tmp_path / "a.log"
    capped = CappedLog(path)
    for number in range(50):
        capped.write(b"line %4d\n" % number)
    capped.close()
    kept = older(path).read_text() + path.read_text()
    assert kept.endswith("line   49\n") and 100 < len(kept) <= 200
    again = CappedLog(path)
    again.write(b"x" * 60)
    again.close()
    assert path.stat().st_size + older(path).stat().st_size <= 200
    remove_log(path)
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_begun_anew_goes_on_when_it_can(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    capped = CappedLog(tmp_path / "a.log")
    capped.write(b"0123456789")
    with monkeypatch.context() as patched, pytest.raises(PermissionError):
        patched.setattr(logs.os, "replace", lambda a, b: (_ for _ in ()).throw(PermissionError()))
        capped.write(b"more")
    capped.write(b"more")
    capped.close()
    assert (tmp_path / "a.log").read_bytes() == b"0123456789more"
