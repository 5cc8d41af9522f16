"""The command line's contract: one helpful line and the right exit status."""

import json
import os
import subprocess
import sys

import pytest

from backend.command import bench, cli
from tests.support.places import ROOT


def _talker(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "backend", *arguments], capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "VERB"),
        (("fly",), "fly"),
        (("train",), "--subject"),
        (("train", "--subject", "x", "--steps", "1", "--minutes", "1"), "--minutes"),
        (("render", "--subject", "x"), "--audio"),
        (("train", "--subject", "x", "--engine", "cuda"), "cuda"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(arguments, word):
    done = _talker(*arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_subject_is_the_callers_to_mend(tmp_path):
    done = _talker("train", "--subject", str(tmp_path))
    assert done.returncode == 2
    assert "is not a subject folder" in done.stderr
    assert "Preprocess footage first" in done.stderr


def test_json_prints_one_document_even_for_an_error(tmp_path):
    done = _talker("evaluate", "--subject", str(tmp_path), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["status"] == 2
    assert "not a subject folder" in document["error"]


def test_bench_without_an_engine_measures_the_native_one(monkeypatch, capsys):
    monkeypatch.setattr(bench.bench, "__defaults__", ("native", 0, 0.01, ((60, 24),), (80, 24), (80, 32)))
    assert cli.main(["bench", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    measured = [(entry["name"], entry["engine"]) for entry in entries]
    names = ["raster", "step", "render", "render+exr", "render+movie"]
    assert [entry for entry in measured if entry != ("raster", "reference")] == [(name, "native") for name in names]
