"""The compiled library: how it is built and found, and that it keeps within its memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.command import doctor
from backend.kernels import build, library
from tests.support import kernel_support
from tests.support.places import ROOT

SCRIPT = ROOT / "tests" / "support" / "kernels_under_sanitizers.py"


def instruction_sets() -> tuple[str, ...]:
    """Those that this machine runs, the one that the library chooses by itself first."""
    every = ("avx512", "avx2", "portable")
    return every[every.index(library.describe(kernel_support.require_kernels())["instruction_set"]) :]


def test_the_file_name_changes_with_the_options_and_follows_the_platform():
    plain = build.library_name("linux-x86_64")
    assert plain != build.library_name("linux-x86_64", ("-g",))
    assert plain.endswith(".so")
    assert build.library_name("windows-x86_64").endswith(".dll")
    assert build.library_name("macos-arm64").endswith(".dylib")


def test_every_platform_s_library_is_named_by_the_same_sources():
    stems = {Path(build.library_name(target)).stem for target in ("linux-x86_64", "windows-x86_64", "macos-arm64")}
    assert len(stems) == 1


@pytest.fixture
def fresh_load():
    """`library.load`, as a new process would find it."""
    library.find.cache_clear()
    yield library.load
    library.find.cache_clear()


@pytest.fixture
def own_library() -> Path:
    """A library of the present sources."""
    return kernel_support.require_kernels().path


def test_a_library_that_came_with_the_package_is_taken_before_one_built_here(
    own_library, fresh_load, tmp_path, monkeypatch
):
    shipped = tmp_path / build.platform_name()
    shipped.mkdir()
    shutil.copy2(own_library, shipped)
    monkeypatch.setattr(build, "PREBUILT", tmp_path)
    monkeypatch.delenv(library.FOLDER_VARIABLE, raising=False)
    facts = library.describe(fresh_load())
    assert facts["path"] == str(shipped / own_library.name)
    assert facts["origin"] == "prebuilt"
    assert facts["instruction_set"] == instruction_sets()[0]


def test_a_damaged_library_that_came_with_the_package_gives_way_to_one_built_here(
    own_library, fresh_load, tmp_path, monkeypatch
):
    shipped, built = tmp_path / "lib" / build.platform_name(), tmp_path / "cache"
    shipped.mkdir(parents=True)
    built.mkdir()
    (shipped / own_library.name).write_bytes(b"half a library")
    shutil.copy2(own_library, built)
    monkeypatch.setattr(build, "PREBUILT", tmp_path / "lib")
    monkeypatch.setattr(library, "kernels_folder", lambda: built)
    monkeypatch.delenv(library.FOLDER_VARIABLE, raising=False)
    facts = library.describe(fresh_load())
    assert (facts["path"], facts["origin"]) == (str(built / own_library.name), "built on this machine")


def test_a_library_of_other_sources_is_not_opened(own_library, fresh_load, tmp_path, monkeypatch, caplog):
    other = tmp_path / own_library.name.replace("kernels-", "kernels-0")
    shutil.copy2(own_library, other)
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    assert fresh_load() is None
    assert f"{own_library.name} is not in" in caplog.text
    shutil.copy2(own_library, tmp_path)
    library.find.cache_clear()
    assert library.describe(fresh_load())["path"] == str(tmp_path / own_library.name)


def test_the_doctor_says_that_the_slow_code_runs_and_why(fresh_load, tmp_path, monkeypatch):
    def no_compiler() -> list[str]:
        raise build.BuildError("no C++ compiler was found")

    monkeypatch.setattr(build, "find_compiler", no_compiler)
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    problems: list[str] = []
    report = doctor._raster(problems)
    assert (report["engine"], report["library"]) == ("reference", None)
    assert list(report["engines"]) == ["reference"]
    assert len(problems) == 1
    assert "not available (no C++ compiler was found): everything runs on the slow reference code" in problems[0]


def test_a_compiler_that_fails_is_named_with_its_message(tmp_path):
    with pytest.raises(build.BuildError, match="false"):
        build.build(tmp_path, compiler=["false"])
    assert list(tmp_path.iterdir()) == []


def test_without_library_and_compiler_the_reason_is_logged_once(fresh_load, tmp_path, monkeypatch, caplog):
    def no_compiler() -> list[str]:
        raise build.BuildError("no C++ compiler was found")

    monkeypatch.setattr(build, "find_compiler", no_compiler)
    monkeypatch.setattr(build, "PREBUILT", tmp_path / "none")
    monkeypatch.setattr(library, "kernels_folder", lambda: tmp_path / "cache")
    assert fresh_load() is None and fresh_load() is None
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1 and "no C++ compiler was found" in messages[0]


@pytest.mark.slow
@pytest.mark.kernels
def test_the_portable_kernels_draw_the_same_picture_as_the_fast_ones():
    code = (
        "import torch; from tests.support.raster_scenes import head_scene;"
        "from backend.raster.rasterize import rasterize;"
        "from backend.raster import native;"
        "s = head_scene(1500, 96, dtype=torch.float32); s['means'].requires_grad_();"
        "p = rasterize(**s); p.features.square().sum().backward();"
        "print(native.describe()); print(p.features.sum().item(), s['means'].grad.norm().item())"
    )
    outputs = []
    for wish in instruction_sets():
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TALKER_KERNELS": wish}
        outputs.append(subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).split("\n"))
    assert "portable" in outputs[-1][0]
    for other in outputs[:-1]:
        for fast, portable in zip(other[1].split(), outputs[-1][1].split(), strict=True):
            assert float(fast) == pytest.approx(float(portable), rel=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sanitizers' runtime is preloaded the Linux way")
def test_nothing_reads_or_writes_out_of_bounds_for_sound_and_unsound_numbers(tmp_path):
    compiler = kernel_support.require_compiler()
    if "ziglang" in compiler:
        pytest.skip("zig's compiler brings no AddressSanitizer runtime")
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O0")
    path = build.build(library.kernels_folder() / "sanitized", extra_flags=flags)
    runtime = subprocess.check_output([*compiler, "-print-file-name=libasan.so"], text=True).strip()
    environment = os.environ | {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    for wish in instruction_sets():
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(path)],
            capture_output=True, text=True, env=environment | {"TALKER_KERNELS": wish}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.split() == ["clean", wish]
