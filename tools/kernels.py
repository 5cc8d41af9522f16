"""The compiled kernels that a zip carries: cross-compiled by zig, inspected, and run where they can be.

zig (from its Python package) brings what a C++ library needs on every platform, so one machine makes all three, and the
Linux one needs an old glibc instead of this machine's. Its libraries are as fast as g++'s.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from backend.kernels import build, interface
from backend.kernels.build import PREBUILT
from shared.errors import InputError, InternalError
from shared.places import cache_folder
from shared.setup.environment import EnvironmentPlan
from shared.setup.pip import child_environment

from .workspace import BUILD, ROOT, VENV, prepare_plan, say, this_platform


@dataclass(frozen=True)
class Target:
    """A platform to build the kernels for."""

    name: str
    """The library's folder, see `platform_name` of backend.kernels.build."""
    triple: str
    """zig's name of it, with the oldest system that the library must run on."""


TARGETS = {
    "linux-x64": Target("linux-x86_64", "x86_64-linux-gnu.2.17"),
    "windows-x64": Target("windows-x86_64", "x86_64-windows-gnu"),
    "macos-arm64": Target("macos-arm64", "aarch64-macos.11.0"),
}
"""By Blender's names of the platforms. glibc 2.17 is older than what torch's and mediapipe's packages need."""


def library_for(platform: str) -> Path | None:
    """The present sources' library for `platform`, in the checkout's own backend/kernels/lib: built unless it is there.

    None, with a line that says so, where there is no compiler for it: then the user's machine builds it, if it has one.
    Raises InternalError for sources that do not compile and for a library that is not what it must be.
    """
    target = TARGETS[platform]
    folder = PREBUILT / target.name
    path = folder / build.library_name(target.name)
    if path.exists():
        return path
    try:
        compiler = prepare_compiler()
    except InputError as error:
        return _built_by_own_compiler(platform, error)
    made = cross_compile(compiler.python, platform, BUILD / "kernels" / target.name)
    facts = inspect(compiler.python, made, target)
    say(f"Kernels for {platform}: {facts}; {trial(made) if platform == this_platform() else 'not run here'}.")
    return _put(made, folder)


def cross_compile(python: Path, platform: str, out: Path) -> Path:
    """The library for `platform`, made in folder `out` by the zig of `python`. Raises InternalError if it fails."""
    target = TARGETS[platform]
    try:
        return build.build(
            out,
            compiler=[str(python), "-m", "ziglang", "c++"],
            target=target.name,
            target_flags=("-target", target.triple, "-g0", "-Werror"),
        )
    except build.BuildError as error:
        raise InternalError(f"The kernels for {platform} do not compile:", str(error)) from error


def compiler_plan() -> EnvironmentPlan:
    """The environment that holds zig and what inspects its libraries, .venv/kernels."""
    return EnvironmentPlan(
        folder=VENV / "kernels",
        requirements=(ROOT / "requirements" / "kernels.txt",),
        imports=("lief", "ziglang"),
        needed_gib=1.0,
    )


def prepare_compiler() -> EnvironmentPlan:
    """The environment of `compiler_plan`, made. Raises InputError where it cannot be had."""
    plan = compiler_plan()
    prepare_plan(plan)
    keep_what_zig_compiles()
    return plan


def keep_what_zig_compiles() -> None:
    """zig compiles its C++ library once a platform, in minutes: kept for every checkout of this user, not for one."""
    os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(cache_folder() / "zig"))


def inspect(python: Path, library: Path, target: Target) -> str:
    """One line on what `library` is and needs; `python` has lief. Raises InternalError if it does not fit `target`."""
    command = [python, "-m", "tools.inspect_library", library, target.name, *interface.functions()]
    run = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT, capture_output=True, text=True, env=child_environment() | {"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    if run.returncode != 0:
        raise InternalError(f"{library} cannot be read:", run.stderr.strip()[-2000:])
    found = json.loads(run.stdout)
    if found["problems"]:
        raise InternalError(f"{library} does not fit {target.name}: {'; '.join(found['problems'])}.")
    return found["summary"]


def trial(library: Path) -> str:
    """Opens a library that was built for this machine and calls it. Raises InternalError."""
    try:
        opened = ctypes.CDLL(str(library))
    except OSError as error:
        raise InternalError(f"{library} does not load on the machine it was built on:", str(error)) from error
    opened.talker_kernels_name.restype = opened.talker_interface.restype = ctypes.c_char_p
    if opened.talker_interface().decode() != interface.fingerprint():
        raise InternalError(f"{library} was built with another api.h than the one that goes with it.")
    return f"loaded and asked here, {opened.talker_kernels_name().decode()}"


def _put(library: Path, folder: Path) -> Path:
    """Move `library` into `folder`, in the place of older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.iterdir():
        older.unlink()
    return Path(shutil.move(library, folder))


def _built_by_own_compiler(platform: str, why_not_zig: InputError) -> Path | None:
    """What can be had without a package index: a library for this machine's platform, by its own compiler."""
    why = str(why_not_zig)
    if platform == this_platform():
        try:
            made = build.build(BUILD / "kernels" / "own")
        except build.BuildError as error:
            why = f"{error}. {why}"
        else:
            say(f"Kernels for {platform}: made by this machine's compiler, for systems as new as this one ({why}).")
            return made
    say(f"Kernels for {platform}: none, the extension builds them where it is installed ({why}).")
    return None
