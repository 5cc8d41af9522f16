"""`build_addon.py gpu`: parts that end well, badly or too late, and the file that tells of them."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from shared.errors import InputError
from tools import gpu
from tools.gpu import Part

PYTHON = Path(sys.executable)
ENVIRONMENT: dict[str, str] = {}


def part(name: str, code: str, seconds: int = 30, needs_subject: bool = False) -> Part:
    return Part(name, seconds, ("-c", code), needs_subject)


@pytest.fixture
def three_parts(monkeypatch):
    monkeypatch.setattr(gpu, "_SEES_GPU", "import sys; sys.exit(3)")
    parts = [part("good", "print('fine')"), part("bad", "raise SystemExit('it broke')"), part("film", "", 30, True)]
    monkeypatch.setattr(gpu, "parts_without_gpu", lambda: parts)


def test_every_part_is_told_of_and_one_that_fails_stops_no_other(three_parts, tmp_path):
    out = tmp_path / "new" / "gpu.json"
    assert gpu.gpu(PYTHON, None, None, out) == 1
    report = json.loads(out.read_text())
    assert report["has_gpu"] is False
    assert {name: told["ended"] for name, told in report["parts"].items()} == {
        "good": "done", "bad": "failed", "film": "left out"
    }  # fmt: skip
    assert report["parts"]["bad"]["output"] == ["it broke"]
    assert "no subject" in report["parts"]["film"]["why"]


def test_a_part_that_takes_too_long_is_ended_and_its_lines_are_kept():
    endless = part("endless", "import time\nprint('begun', flush=True)\ntime.sleep(60)", seconds=3)
    told = gpu._run(endless, PYTHON, ENVIRONMENT, 100.0)
    assert told["ended"] == "too long"
    assert told["output"] == ["begun"]
    assert gpu._run(endless, PYTHON, ENVIRONMENT, 0.5)["ended"] == "left out"


def test_the_last_line_of_a_report_is_its_result(monkeypatch):
    monkeypatch.setattr(gpu, "_REPORT", ("-c", "print('a word')\nprint('{\"ms\": 2.5}')"))
    told = gpu._run(Part("report", 30, gpu._REPORT), PYTHON, ENVIRONMENT, 100.0)
    assert told["result"] == {"ms": 2.5}


def test_wheels_are_laid_side_by_side(tmp_path):
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    wheels.mkdir()
    with pytest.raises(InputError, match="no wheels"):
        gpu.unpack_wheels(wheels, site)
    for name in ("one", "two"):
        with zipfile.ZipFile(wheels / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}/__init__.py", f"NAME = {name!r}\n")
    gpu.unpack_wheels(wheels, site)
    assert (site / "one" / "__init__.py").is_file() and (site / "two" / "__init__.py").is_file()
    (wheels / "bad-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(InputError, match="damaged"):
        gpu.unpack_wheels(wheels, site)


def test_what_is_missing_is_said_before_anything_runs(tmp_path):
    with pytest.raises(InputError, match="no subject"):
        gpu.gpu(PYTHON, None, tmp_path / "nobody", tmp_path / "gpu.json")
    assert not (tmp_path / "gpu.json").exists()


def test_all_parts_fit_into_eight_minutes():
    for parts in (gpu.parts_with_gpu("subject"), gpu.parts_without_gpu()):
        assert sum(one.seconds for one in parts) <= 1.25 * gpu.ALL_S
        assert len({one.name for one in parts}) == len(parts)


def test_the_files_with_tests_for_a_gpu_are_found():
    found = gpu.gpu_tests()
    assert "tests/unit/raster/test_raster_cuda.py" in found
    assert "tests/unit/train/test_captured_on_a_gpu.py" in found
    assert all((gpu.ROOT / name).is_file() for name in found)
    assert len(found) < 12
