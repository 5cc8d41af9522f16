"""The bundle for machines without a network: what is in it, and what its installer runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from tools import bundle
from tools.bundle import INSTALLER, archive, download_wheels

SETUP = """
import json, os, sys
print(json.dumps([sys.argv[1:], {name: os.environ.get(name) for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS")}]))
"""


@pytest.fixture
def unpacked(tmp_path):
    """A bundle whose program tells how it was set up."""
    folder = tmp_path / "a bundle"
    for name in ("wheels", "models"):
        (folder / name).mkdir(parents=True)
    (folder / "models" / "face_landmarker.task").write_bytes(b"a model")
    (folder / "install.py").write_bytes(INSTALLER.read_bytes())
    with zipfile.ZipFile(folder / "m2dao_talker-0.1.0-linux-x64.zip", "w") as written:
        written.writestr("shared/__init__.py", "")
        written.writestr("shared/setup/__init__.py", "")
        written.writestr("shared/setup/__main__.py", SETUP)
    return folder


def install(folder, target):
    command = [sys.executable, str(folder / "install.py"), str(target)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_installer_takes_everything_from_the_bundle(unpacked, tmp_path):
    target = tmp_path / "here it goes"
    run = install(unpacked, target)
    assert run.returncode == 0, run.stderr
    arguments, environment = json.loads(run.stdout.splitlines()[0])
    assert environment == {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(unpacked / "wheels")}
    places = ("--env", "environment"), ("--launcher", "talker"), ("--models-dir", "models")
    assert arguments == [part for option, name in places for part in (option, str(target / name))]
    assert (target / "models" / "face_landmarker.task").read_bytes() == b"a model"
    assert (target / "program" / "shared" / "setup" / "__main__.py").is_file()


def test_a_bundle_that_is_not_whole_is_refused_in_words(unpacked, tmp_path):
    (unpacked / "m2dao_talker-0.1.0-linux-x64.zip").unlink()
    run = install(unpacked, tmp_path / "out")
    assert run.returncode == 2 and "no whole bundle" in run.stderr and not (tmp_path / "out").exists()


def test_wheels_are_asked_for_by_hash_and_torch_by_its_build(tmp_path, monkeypatch):
    asked = []

    def run(command, **options):
        asked.append([str(part) for part in command])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bundle.subprocess, "run", run)
    monkeypatch.setattr(bundle.torch_build, "index_arguments", lambda build, log: ["--extra-index-url", build])
    download_wheels(tmp_path / "wheels", "cpu")
    locked, torch = asked
    assert "--require-hashes" in locked and {"backend.txt", "cuda.txt", "credentials.txt"} == {
        os.path.basename(part) for part in locked if part.endswith(".txt")
    }
    assert torch[torch.index("--extra-index-url") + 1] == "cpu" and torch[-1].endswith("torch.txt")
    assert all(command[command.index("--only-binary") + 1] == ":all:" for command in asked)


def test_a_bundle_is_one_folder_in_a_zip(unpacked, tmp_path):
    archive(unpacked, tmp_path / "dist" / "a.zip")
    with zipfile.ZipFile(tmp_path / "dist" / "a.zip") as written:
        assert {name.split("/")[0] for name in written.namelist()} == {"a bundle"}
        assert "a bundle/install.py" in written.namelist() and written.testzip() is None
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["a.zip"]
