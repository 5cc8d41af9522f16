"""Builds the harness for a platform, and runs it there: on this machine, under Wine, or under qemu.

A platform that cannot be had raises Unavailable, with what is missing and how to get it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backend.kernels import build, interface, library
from shared.setup.system_libraries import install_line
from tools import kernels
from tools.workspace import BUILD

HARNESS = Path(__file__).parent / "harness"
INTERFACE = build.SOURCES
"""The folder of api.h, which the harness includes."""
FLAGS = ("-std=c++17", "-O3", "-g0", "-s", "-Wall", "-Wextra", "-Werror")
"""Optimised and stripped as the kernels are: for other options zig compiles its C++ library anew, which takes
minutes."""
BUILD_TIMEOUT_S = 1200
RUN_TIMEOUT_S = 300
"""For one run of the harness. Wine's first also makes its prefix; none takes more than some seconds by itself."""
WINE_PLACES = ("/usr/lib/wine/wine64", "/usr/lib64/wine/wine64")
"""Where packages put Wine's loader that leave it off the path."""


class Unavailable(Exception):
    """This machine cannot run a platform's code; the message says why, and how to change it."""


@dataclass
class Target:
    """A harness that can be run."""

    program: Path
    library: str
    """What the program opens; "-" where the library is linked into it."""
    runner: tuple[str, ...] = ()
    """What the program is run by."""
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, inputs: Path, outputs: Path, threads: int, kernels_wish: str = "") -> str:
        """Call every kernel on the arrays in file `inputs`; the outputs go to a file beside it.

        `kernels_wish`: the instruction set to use at most. Returns the one that was. Raises RuntimeError if it fails.
        """
        command = [*self.runner, str(self.program), self.library, str(threads), inputs.name, str(outputs.name)]
        environment = os.environ | self.environment | {"TALKER_KERNELS": kernels_wish}
        done = subprocess.run(
            command, cwd=inputs.parent, env=environment, capture_output=True, text=True, check=False,
            timeout=RUN_TIMEOUT_S,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()


def native(folder: Path) -> Target:
    """This machine's own library, opened by a harness that this machine's compiler made."""
    loaded = library.load()
    if loaded is None or sys.platform == "win32":
        raise Unavailable("there is no compiled library on this machine, or no dlopen, to compare with")
    try:
        compiler = build.find_compiler()
    except build.BuildError as error:
        raise Unavailable(str(error)) from error
    program = folder / "harness"
    _compile([*compiler, *FLAGS, *_harness_files(), "-ldl", "-o", str(program)])
    return Target(program, library.describe(loaded)["path"])


@contextlib.contextmanager
def windows(folder: Path) -> Iterator[Target]:
    """The Windows library as the zip for Windows carries it, under Wine."""
    wine = _find_wine()
    zig = _find_zig()
    name = kernels.TARGETS["windows-x64"].name
    shipped = build.PREBUILT / name / build.library_name(name)
    if not shipped.exists():
        shipped = kernels.cross_compile(zig, "windows-x64", BUILD / "kernels" / name)
    shutil.copy2(shipped, folder)
    program = folder / "harness.exe"
    _compile([*_zig_command(zig), "-target", "x86_64-windows-gnu", *FLAGS, *_harness_files(), "-o", str(program)])
    prefix = folder / "wine"
    environment = {
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",  # neither .NET nor a browser, which it would ask for
        "DISPLAY": "",
    }
    try:
        yield Target(program, shipped.name, (wine,), environment)
    finally:
        server = shutil.which("wineserver") or str(Path(wine).with_name("wineserver"))
        subprocess.run([server, "-k"], env=os.environ | environment, capture_output=True, check=False, timeout=60)


def arm64(folder: Path) -> Target:
    """The library's sources for 64-bit ARM, linked into one program with the harness, under qemu.

    macOS' library is this code too, but for what it asks the system for: threads, memory and the C library's functions.
    """
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if emulator is None:
        raise Unavailable(f"qemu's emulator of 64-bit ARM is not installed here: {install_line(['qemu-user-static'])}")
    zig = [*_zig_command(_find_zig()), "-target", "aarch64-linux-musl", "-static"]
    objects = build.compile_sources(zig, ["-g0", "-pthread"], folder, is_x86=False)
    program = folder / "harness-arm64"
    _compile([*zig, *FLAGS, "-DHARNESS_LINKED", *_harness_files(), *objects, "-pthread", "-o", str(program)])
    return Target(program, "-", (emulator,))


def _harness_files() -> list[str]:
    told = f'-DHARNESS_INTERFACE="{interface.fingerprint()}"'
    return [f"-I{INTERFACE}", told, *sorted(map(str, HARNESS.glob("*.cpp")))]


def _find_wine() -> str:
    for name in ("wine64", "wine"):
        if found := shutil.which(name):
            return found
    for place in WINE_PLACES:
        if os.access(place, os.X_OK):
            return place
    raise Unavailable(f"Wine is not installed here: {install_line(['wine64'])}")


def _find_zig() -> Path:
    """A Python that has zig: the project's environment of it, or this one."""
    python = kernels.compiler_plan().python
    if python.is_file():
        return python
    if importlib.util.find_spec("ziglang"):
        return Path(sys.executable)
    raise Unavailable("zig is not here: python3 build_addon.py brings it")


def _zig_command(python: Path) -> list[str]:
    kernels.keep_what_zig_compiles()
    return [str(python), "-m", "ziglang", "c++"]


def _compile(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-3000:]}")
