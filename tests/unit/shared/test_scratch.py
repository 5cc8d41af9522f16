"""Folders for temporary files: nothing stays of them, not even after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from shared.scratch import scratch_folder

HOLD = """
import time
from shared.scratch import scratch_folder
with scratch_folder("test") as folder:
    (folder / "half.exr").write_bytes(b"half")
    print(folder.parent, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """(another process that works in a scratch folder, that folder)."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    process.stdout.close()


def test_nothing_is_left_of_a_folder_after_its_work(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError), scratch_folder("test") as folder:
        (folder / "a").write_text("a")
        assert os.listdir(folder) == ["a"]
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_the_folder_of_a_living_process_stays(tmp_path, other):
    with scratch_folder("test"):
        assert (other[1] / "files" / "half.exr").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_the_folder_of_a_process_that_was_killed_goes_with_the_next_one(tmp_path, other):
    process, folder = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    with scratch_folder("another"):
        assert folder.exists(), "it belongs to other work"
    with scratch_folder("test"):
        assert not folder.exists()
