"""Builds the compiled library: `python -m backend.kernels.build [--out DIR]`.

One library holds every kernel: all `*.cpp` below `src/`. Those named `*.simd.cpp` do the arithmetic and are compiled
once for every instruction set worth it (see `src/common/dispatch.h`), the others once. A library's file name carries
the hash of its sources and options, so that a new one never replaces one that is in use.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from shared.claims import claiming
from shared.errors import InputError
from shared.files import explained, remove_leftovers, replacing
from shared.jobs import Reporter
from shared.python_child import module_command
from shared.scratch import scratch_folder

from . import interface

log = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "src"
PREBUILT = Path(__file__).parent / "lib"
"""Libraries that came with the package: a folder for each platform."""
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-fvisibility=hidden", "-Wall", "-Wextra")
AVX2_FLAGS = ("-mavx2", "-mfma", "-mf16c", "-mbmi2", "-mpopcnt")
# Of AVX-512 it is the masks and the thirty-two registers that pay, at the same eight floats a vector: the blend's sums
# do not fit into sixteen registers.
AVX512_FLAGS = (*AVX2_FLAGS, "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=256")
OWN_FLAGS = re.compile(r"^// Compiled with: (.+)$", re.M)
"""A line in a source file: options for that file alone, after all others (`// Compiled with: -ffp-contract=off`)."""
_PREFIX, _CLAIMED = "talker-kernels-", "talker-kernels"
"""What names of libraries begin with, and what of their folder is held while one is built."""
COMPILE_TIMEOUT_S = 1200
"""For one call of the compiler, of which zig's first also compiles its C++ library."""


class BuildError(Exception):
    """No compiler, or it failed; the message says which and with what."""


def platform_name() -> str:
    """This machine's platform, as in the folder names of prebuilt libraries: linux-x86_64, windows-x86_64, …"""
    machine = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    system = {"darwin": "macos"}.get(platform.system().lower(), platform.system().lower())
    return f"{system}-{machine}"


def library_suffix(target: str) -> str:
    """File suffix of a library for the platform `target`."""
    return {"windows": ".dll", "macos": ".dylib"}.get(target.partition("-")[0], ".so")


def library_name(target: str, extra_flags: tuple[str, ...] = ()) -> str:
    """File name of the library built from the present sources for the platform `target`, the same on every machine."""
    digest = hashlib.sha256()
    for source in source_files(".cpp", ".h"):
        digest.update(source.relative_to(SOURCES).as_posix().encode() + b"\0" + source.read_bytes())
    digest.update(repr((FLAGS, AVX2_FLAGS, AVX512_FLAGS, extra_flags)).encode())
    return f"{_PREFIX}{digest.hexdigest()[:16]}{library_suffix(target)}"


def source_files(*suffixes: str) -> list[Path]:
    """The library's sources of these kinds, in the same order on every machine."""
    found = (path for path in SOURCES.rglob("*") if path.suffix in suffixes)
    return sorted(found, key=lambda path: path.relative_to(SOURCES).as_posix())


def find_compiler() -> list[str]:
    """Command of a C++ compiler: $CXX, g++, clang++, or the zig of the Python package `ziglang`. Raises BuildError.

    Not g++ on Windows: it does not keep the stack aligned for AVX there (GCC bug 54412).
    """
    if os.environ.get("CXX"):
        return os.environ["CXX"].split()
    for name in ("clang++",) if sys.platform == "win32" else ("g++", "clang++"):
        if shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang"):
        return module_command(sys.executable, "ziglang", "c++")
    raise BuildError("no C++ compiler (g++, clang++ or the Python package ziglang) was found")


def build(
    out: Path,
    *,
    compiler: list[str] | None = None,
    target: str | None = None,
    target_flags: tuple[str, ...] = (),
    extra_flags: tuple[str, ...] = (),
    replace: bool = False,
) -> Path:
    """Compile the library into folder `out` and return its path; without `replace`, one of that name is left as it is.

    `target` is a platform name, by default this machine's; cross-compilers take their triple in `target_flags`.
    Debugging symbols are left out, unless there are `extra_flags`.
    `extra_flags` go to compiler and linker (sanitizers). Raises BuildError.
    """
    target = target or platform_name()
    library = out / library_name(target, extra_flags)
    if os.path.exists(library) and not replace:
        return library
    command = compiler or find_compiler()
    flags = [*target_flags, *extra_flags]
    if not target.startswith("windows"):
        flags += ["-fPIC", "-pthread"]

    before = _version(library)
    with _building(out), scratch_folder("kernels") as scratch:
        if library.exists() and _version(library) != before:  # another process has built it meanwhile
            return library
        objects = compile_sources(command, flags, scratch, is_x86=target.endswith("x86_64"))
        link = ["-shared", *objects]
        if target.startswith("linux") and "ziglang" not in command:
            link += ["-static-libstdc++", "-static-libgcc"]
        if target.startswith("macos"):
            link.append(f"-Wl,-install_name,@rpath/{library.name}")
        elif not extra_flags:
            link.append("-s")
        # Linked in the scratch folder, since linkers may leave other files beside their output; then copied and
        # renamed, so that other processes find a whole library or none.
        linked = scratch / library.name
        _run([*command, *FLAGS, *flags, *link, "-o", str(linked)])
        with replacing(library) as partial:
            shutil.copy2(linked, partial)
    return library


def _version(library: Path) -> tuple[int, int] | None:
    """What tells one library from another of its name; None where there is none, or none that can be looked at."""
    try:
        found = library.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


@contextmanager
def _building(out: Path) -> Iterator[None]:
    """Hold the folder of libraries, so that of two processes that need one the second waits and finds it. What killed
    builds left half-written there is removed. Raises BuildError where the folder cannot be written to."""
    report = Reporter(lambda progress: log.warning("%s", progress.message))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with claiming(lambda: [out / _CLAIMED], "built", report):
            told = remove_leftovers(out, of=_PREFIX)
            for left in out.glob(f".{_PREFIX}*.part"):  # of versions before this one
                if time.time() - left.stat().st_mtime > COMPILE_TIMEOUT_S:
                    left.unlink(missing_ok=True)
            if told:
                log.warning("%s", told)
            yield
    except (OSError, InputError) as error:
        reason = explained(error, out) if isinstance(error, OSError) else error
        raise BuildError(f"nothing can be built in {out}: {reason}") from error


def compile_sources(compiler: list[str], flags: list[str], folder: Path, *, is_x86: bool) -> list[str]:
    """Compile every source with our own options and then `flags` into object files in `folder`; returns their paths.

    Also for callers that link them in another way than `build`. Raises BuildError.
    """
    common = [*compiler, *FLAGS, *flags, f"-I{SOURCES}", f'-DTALKER_INTERFACE="{interface.fingerprint()}"']
    instruction_sets: dict[str, tuple[str, ...]] = {"portable": ()}
    if is_x86:
        instruction_sets |= {"avx2": AVX2_FLAGS, "avx512": AVX512_FLAGS}
        common.append("-DTALKER_HAS_X86")
    jobs: list[tuple[Path, list[str]]] = []
    for source in source_files(".cpp"):
        own = [option for line in OWN_FLAGS.findall(source.read_text(encoding="utf-8")) for option in line.split()]
        if not source.name.endswith(".simd.cpp"):
            jobs.append((source, own))
            continue
        for isa, isa_flags in instruction_sets.items():
            # Without AVX there is no fixed way to pass 32-byte vectors between functions: all of ours are inlined.
            jobs.append((source, [*isa_flags, f"-DTALKER_ISA={isa}", "-Wno-psabi", *own]))
    objects = [str(folder / f"{number}.{source.stem}.o") for number, (source, _) in enumerate(jobs)]

    def compile_one(number: int) -> None:
        source, options = jobs[number]
        _run([*common, *options, "-c", str(source), "-o", objects[number]])

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
        list(workers.map(compile_one, range(len(jobs))))
    return objects


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{command[0]} did not run: {error}") from error
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")


def main(arguments: list[str] | None = None) -> int:
    """Build for this machine; print the library's path."""
    parser = argparse.ArgumentParser(prog="python -m backend.kernels.build", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help="folder of the library (default: the prebuilt place)")
    options = parser.parse_args(arguments)
    out = options.out or PREBUILT / platform_name()
    try:
        print(build(out))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
