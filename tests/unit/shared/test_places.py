"""Folders that variables name: what is none is said in one sentence, with the variable's name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from backend import model_files
from backend.kernels import library
from shared.errors import InputError
from shared.places import cache_folder, named_folder
from tests.support.places import ROOT


@pytest.fixture(params=["file", "pipe", "nowhere", "loop", "inside a file", "too long", "no user"])
def wrong(request, tmp_path):
    """What is no folder, and can be none."""
    (tmp_path / "file").write_text("")
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    if request.param == "pipe":
        if sys.platform == "win32":
            pytest.skip("Windows has no such pipes")
        os.mkfifo(tmp_path / "pipe")
    names = {"inside a file": "file/inner", "too long": "n" * 300}
    return (
        "~nobody-of-that-name/x"
        if request.param == "no user"
        else str(tmp_path / names.get(request.param, request.param))
    )


def test_it_is_named_with_the_variable(wrong):
    with pytest.raises(InputError, match="^SOME_DIR names ") as refused:
        named_folder(wrong, "SOME_DIR")
    assert refused.value.do


def test_a_folder_and_one_that_is_not_there_yet_are_taken(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path, tmp_path / "new", tmp_path / "link"):
        assert named_folder(str(path), "X") == path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("TALKER_CACHE_DIR", "~/cache")
    assert cache_folder() == tmp_path / "cache"


def test_model_files_and_kernels_refuse_it(wrong, monkeypatch):
    monkeypatch.setenv("TALKER_MODELS_DIR", wrong)
    with pytest.raises(InputError, match="TALKER_MODELS_DIR names"):
        model_files.locate_model("face_landmarker.task")
    monkeypatch.delenv("TALKER_MODELS_DIR")
    with pytest.raises(InputError, match="--models-dir names"):
        model_files.locate_model("face_landmarker.task", wrong)
    monkeypatch.setenv("TALKER_KERNELS_DIR", wrong)
    library.find.cache_clear()
    try:
        with pytest.raises(InputError, match="TALKER_KERNELS_DIR names"):
            library.find()
    finally:
        library.find.cache_clear()


def test_a_cache_that_is_none_ends_with_one_line_and_status_2(wrong, tmp_path):
    environment = {**os.environ, "TALKER_CACHE_DIR": wrong, "PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9"}
    program = (
        "import sys; from backend import model_files as m; m._from_address = m._from_wheel = lambda *a: 'not asked'; "
        "sys.exit(m.main([]))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 and "TALKER_CACHE_DIR" in done.stderr
