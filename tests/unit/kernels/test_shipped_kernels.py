"""The libraries that a zip carries: what is read from their headers, and what happens where one cannot be made."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pip._vendor import distlib

from backend.kernels import build, interface
from shared.errors import InputError, InternalError
from tests.support import kernel_support
from tools import kernels, stage
from tools.workspace import this_platform

pytest.importorskip("lief", reason="lief is not installed here (requirements/test.txt)")
from tools import inspect_library


def no_compiler() -> list[str]:
    raise build.BuildError("no C++ compiler")


@pytest.fixture
def no_zig(monkeypatch, tmp_path):
    """A machine without a package index and with nothing built."""

    def offline():
        raise InputError("The package index cannot be reached.")

    monkeypatch.setattr(kernels, "prepare_compiler", offline)
    monkeypatch.setattr(kernels, "PREBUILT", tmp_path / "lib")
    monkeypatch.setattr(kernels, "BUILD", tmp_path / "build")


def test_every_platform_that_gets_a_zip_has_a_target():
    assert set(kernels.TARGETS) == set(stage.PLATFORM_TAGS)
    assert kernels.TARGETS[this_platform()].name == build.platform_name()


def test_the_functions_to_look_for_are_those_of_the_header():
    functions = interface.functions()
    text = interface.HEADER.read_text(encoding="utf-8")
    assert len(functions) == len(set(functions)) == len(re.findall(r"^TALKER_EXPORT ", text, re.M))
    assert {"talker_raster_forward", "talker_ssim", "talker_kernels_name"} <= set(functions)


@pytest.mark.parametrize("platform", sorted(kernels.TARGETS))
def test_a_shipped_library_exports_the_interface_and_needs_only_the_system(platform):
    target = kernels.TARGETS[platform]
    path = build.PREBUILT / target.name / build.library_name(target.name)
    if not path.exists():
        pytest.skip(f"the kernels for {platform} are not built here: run python3 build_addon.py")
    found = inspect_library.inspect(path, target.name, interface.functions())
    assert found["problems"] == []
    assert found["summary"].startswith(target.name)
    glibc = re.search(r"glibc 2\.(\d+) or later", found["summary"])
    assert (glibc is not None) == (platform == "linux-x64")
    assert glibc is None or int(glibc[1]) <= 17


@pytest.mark.skipif(sys.platform != "linux", reason="reads a library that this machine built, as an ELF file")
def test_a_library_for_another_platform_or_with_a_function_missing_is_found_out():
    path = kernel_support.require_kernels().path
    assert inspect_library.inspect(path, build.platform_name(), ["talker_ssim"])["problems"] == []
    found = inspect_library.inspect(path, "linux-arm64", ["talker_ssim", "talker_sing"])
    assert found["problems"] == ["it is made for linux-x86_64", "it does not export talker_sing"]


@pytest.mark.skipif(sys.platform != "linux", reason="links a library the Linux way")
def test_a_library_that_needs_what_not_every_system_has_is_found_out(tmp_path):
    compiler = kernel_support.require_compiler()
    if "ziglang" in compiler:
        pytest.skip("zig links its C++ library into everything")
    (tmp_path / "a.cpp").write_text(
        '#include <string>\nextern "C" int talker_a(int n) { return std::string(n, 0).size(); }'
    )
    made = tmp_path / "a.so"
    subprocess.run([*compiler, "-shared", "-fPIC", "-O0", str(tmp_path / "a.cpp"), "-o", str(made)], check=True)
    (problem,) = inspect_library.inspect(made, build.platform_name(), ["talker_a"])["problems"]
    assert re.fullmatch(r"it needs libstdc\+\+\.so\.6.*, which not every system has", problem)


def test_a_windows_program_is_no_windows_library():
    program = Path(distlib.__file__).with_name("t64.exe")
    found = inspect_library.inspect(program, "windows-x86_64", ["talker_ssim"])
    assert found["problems"][:2] == ["it is no DLL", "it does not export talker_ssim"]
    found = inspect_library.inspect(program, "macos-arm64", [])
    assert "it is made for windows-x86_64" in found["problems"]


def test_a_file_that_is_no_library_is_found_out(tmp_path):
    (tmp_path / "a.so").write_text("text")
    assert inspect_library.inspect(tmp_path / "a.so", "linux-x86_64", [])["problems"] == [
        "it is no ELF, PE or Mach-O file"
    ]


def test_an_unfit_library_stops_the_build_with_its_reasons(tmp_path):
    (tmp_path / "a.so").write_text("text")
    with pytest.raises(InternalError, match="does not fit linux-x86_64: it is no ELF"):
        kernels.inspect(Path(sys.executable), tmp_path / "a.so", kernels.TARGETS["linux-x64"])


def test_without_zig_this_machine_s_compiler_makes_its_own_platform_s_library(no_zig, monkeypatch, tmp_path, capsys):
    made = tmp_path / "made.so"
    monkeypatch.setattr(build, "build", lambda folder: made)
    assert kernels.library_for(this_platform()) == made
    said = capsys.readouterr().out
    assert "made by this machine's compiler" in said and "package index cannot be reached" in said


def test_without_any_compiler_a_zip_goes_without_kernels_and_says_so(no_zig, monkeypatch, capsys):
    monkeypatch.setattr(build, "find_compiler", no_compiler)
    assert [kernels.library_for(platform) for platform in sorted(kernels.TARGETS)] == [None, None, None]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("the extension builds them where it is installed" in line for line in lines)
    assert sum("no C++ compiler" in line for line in lines) == 1


def test_a_new_library_takes_the_place_of_older_ones(tmp_path):
    folder = tmp_path / "lib" / "linux-x86_64"
    folder.mkdir(parents=True)
    (folder / "talker-kernels-0.so").write_bytes(b"old")
    (tmp_path / "talker-kernels-1.so").write_bytes(b"new")
    assert kernels._put(tmp_path / "talker-kernels-1.so", folder).read_bytes() == b"new"
    assert [path.name for path in folder.iterdir()] == ["talker-kernels-1.so"]
