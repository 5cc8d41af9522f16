"""System libraries that the packages load but pip cannot bring: which are missing, and how to get them."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from ..errors import InputError

BACKEND_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""Linux: what OpenCV loads, as shared object to Debian package."""

BLENDER_LIBRARIES = {
    "libXrender.so.1": "libxrender1",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libXfixes.so.3": "libxfixes3",
    "libXxf86vm.so.1": "libxxf86vm1",
}
"""Linux: what Blender's Python module loads."""


def missing_libraries(libraries: Mapping[str, str]) -> dict[str, str]:
    """Those of `libraries` (shared object to package) that the dynamic linker cannot load; none outside Linux."""
    if not sys.platform.startswith("linux"):
        return {}
    return {name: package for name, package in libraries.items() if not _loads(name)}


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install_line(packages: list[str]) -> str:
    """The one line that installs Debian packages."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def require_libraries(libraries: Mapping[str, str], log: Callable[[str], None]) -> None:
    """Make sure that `libraries` can be loaded; installs what is missing where this process may (root, with apt).

    Raises InputError that names the missing libraries and the line that installs them.
    """
    missing = missing_libraries(libraries)
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if _may_install():
        log(f"Missing system libraries: {', '.join(missing)}. Running: {install_line(packages).removeprefix('sudo ')}")
        _apt_install(packages, log)
        missing = missing_libraries(libraries)
    if missing:
        packages = sorted(set(missing.values()))
        if shutil.which("apt-get"):
            do = f"Run: {install_line(packages)}"
        else:
            do = f"Install your system's packages for them (on Debian they are {' '.join(packages)})."
        raise InputError(f"System libraries are missing: {', '.join(missing)}.", do)


def _may_install() -> bool:
    return bool(shutil.which("apt-get")) and hasattr(os, "geteuid") and os.geteuid() == 0


def _apt_install(packages: list[str], log: Callable[[str], None]) -> None:
    """Install packages, refreshing the lists only if the first try fails; the caller checks the result."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    for command in (install, ["apt-get", "update"], install):
        run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if run.returncode == 0 and command is install:
            return
        if run.returncode != 0:
            log(f"{' '.join(command[:2])} gave {run.returncode}: {(run.stderr.strip().splitlines() or [''])[-1]}")
