"""The doctor: a report that holds what it promises, and problems in words where something is wrong."""

import json

import pytest

from backend.command import doctor as module
from backend.command.doctor import doctor
from backend.raster import cuda


@pytest.fixture(scope="module")
def report():
    return doctor()


def test_the_report_is_plain_and_complete(report):
    assert json.loads(json.dumps(report)) == report
    assert set(report) == {
        "version", "backend", "python", "system", "packages", "torch", "cores", "raster", "models", "cache",
        "free_disk_gib", "codecs", "signing", "problems",
    }  # fmt: skip
    assert report["cores"] >= 1
    assert report["packages"]["numpy"] is not None
    assert report["raster"]["engine"] in {"native", "cuda", "reference"}
    assert report["raster"]["why"]
    assert all(report["codecs"].values())


def test_a_missing_model_file_is_a_problem_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TALKER_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TALKER_MODELS_DIR", raising=False)
    problems: list[str] = []
    assert module._models(None, problems)["face_landmarker.task"] is None
    assert any("face_landmarker.task" in problem for problem in problems)


def test_a_damaged_model_file_is_reported_and_does_not_stop_the_doctor(tmp_path):
    (tmp_path / "face_landmarker.task").write_bytes(b"half")
    found = doctor(str(tmp_path))
    assert found["models"]["face_landmarker.task"] is None
    assert any("checksum" in problem for problem in found["problems"])


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TALKER_CACHE_DIR", str(tmp_path / "file" / "cache"))
    problems: list[str] = []
    assert module._cache(problems)["writable"] is False
    assert "TALKER_CACHE_DIR" in problems[0]


def test_a_nearly_full_disk_is_a_problem(monkeypatch):
    usage = type("Usage", (), {"free": 2**30})()
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    problems: list[str] = []
    assert module._free_disk(problems) == 1.0
    assert "1.0 GiB" in problems[0]


def test_a_package_that_is_not_installed_is_a_problem(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "surely-not-a-package"))
    problems: list[str] = []
    versions = module._packages(problems)
    assert versions["surely-not-a-package"] is None
    assert problems == ["The package surely-not-a-package is not installed: install the backend again."]


@pytest.mark.parametrize("gpu", [False, True])
def test_a_gpu_that_the_cuda_engine_cannot_use_is_a_problem_with_its_reason(gpu, monkeypatch):
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(cuda, "why_not", lambda: "The package warp-lang is not installed: install the backend again.")
    problems: list[str] = []
    report = module._raster(problems)
    assert "cuda" not in report["engines"]
    assert any("warp-lang is not installed" in problem for problem in problems) == gpu


def test_an_identity_that_cannot_be_used_is_a_problem(tmp_path, monkeypatch):
    for name in ("TALKER_CERTIFICATES", "TALKER_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    problems: list[str] = []
    assert module._signing(problems) is None and problems == []
    monkeypatch.setenv("TALKER_CERTIFICATES", str(tmp_path / "nothing.pem"))
    assert module._signing(problems) is None
    assert any("identity" in problem and "TALKER_SIGNING_KEY" in problem for problem in problems)
