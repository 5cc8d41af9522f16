"""Builds of the compiled library: what killed ones left goes, and of two that begin at once one builds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from backend.kernels import build

COMPILER = """
import sys, time
from pathlib import Path
out = Path(sys.argv[sys.argv.index("-o") + 1])
if "-shared" in sys.argv:
    with open(Path(__file__).with_name("links"), "a") as log:
        log.write("linked\\n")
    time.sleep(float(Path(__file__).with_name("pause").read_text()))
out.write_bytes(b"a library")
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A compiler that takes its time over linking, and a folder for temporary files of its own."""
    for name, text in (("cc.py", COMPILER), ("pause", "0.3"), ("links", "")):
        (tmp_path / name).write_text(text)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(build, "source_files", lambda *kinds: sorted(build.SOURCES.rglob("*.cpp"))[:1])
    return [sys.executable, str(tmp_path / "cc.py")]


def links(compiler) -> int:
    return len(Path(compiler[1]).with_name("links").read_text().splitlines())


@pytest.mark.parametrize("replace", [False, True])
def test_of_two_builds_at_once_the_second_waits_and_takes_what_the_first_made(tmp_path, compiler, replace):
    found = []

    def make() -> None:
        found.append(build.build(tmp_path / "out", compiler=compiler, replace=replace))

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 2 and found[0] == found[1] and found[0].read_bytes() == b"a library"
    assert links(compiler) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == [found[0].name]


def test_a_library_that_does_not_open_is_built_anew(tmp_path, compiler):
    library = build.build(tmp_path / "out", compiler=compiler)
    library.write_bytes(b"damaged")
    build.build(tmp_path / "out", compiler=compiler, replace=True)
    assert library.read_bytes() == b"a library" and links(compiler) == 2


KILLED = """
import sys, tempfile
from pathlib import Path
from backend.kernels import build
tempfile.tempdir = sys.argv[2]
build.source_files = lambda *kinds: sorted(build.SOURCES.rglob("*.cpp"))[:1]
build.build(Path(sys.argv[1]), compiler=sys.argv[3:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_what_a_killed_build_left_is_removed_by_the_next_one(tmp_path, compiler, caplog):
    temporary, out = tmp_path / "temporary", tmp_path / "out"
    (tmp_path / "pause").write_text("600")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), str(temporary), *compiler], start_new_session=True
    )
    try:
        while not links(compiler):
            assert process.poll() is None
            threading.Event().wait(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert list(temporary.iterdir()) and list(out.iterdir())
    (out / "talker-kernels-0123.so.12.34.partial").write_bytes(bytes(10))
    (out / "talker-kernels-0123.so").write_bytes(b"of other sources")
    (tmp_path / "pause").write_text("0")
    library = build.build(out, compiler=compiler)
    assert sorted(path.name for path in out.iterdir()) == sorted(["talker-kernels-0123.so", library.name])
    assert not list(temporary.iterdir())
    assert "half-written by a run that was killed: talker-kernels-0123.so" in caplog.text


def test_a_folder_that_cannot_be_is_said(tmp_path, compiler):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(build.BuildError, match="nothing can be built in .*out"):
        build.build(tmp_path / "out", compiler=compiler)
