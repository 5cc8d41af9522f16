"""Which Python may run the project, and where one is when the running one may not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import InputError

SUPPORTED = ((3, 11), (3, 13))
"""mediapipe and Blender's module meet in these versions only (there is no Blender with Python 3.12)."""
_PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
_PROBE_TIMEOUT_S = 20


def supported_text() -> str:
    """The supported versions in words: "3.11 or 3.13"."""
    return " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED)


def choose_python(wanted: tuple[int, int] | None = None) -> Path:
    """A Python that can make environments: the running one if it may, else the first supported one on this machine.

    `wanted` restricts the choice to one version. Raises InputError when there is none.
    """
    versions = SUPPORTED if wanted is None else (wanted,)
    for candidate in _candidates(versions):
        if probe(candidate) in versions:
            return candidate
    names = supported_text() if wanted is None else f"{wanted[0]}.{wanted[1]}"
    raise InputError(
        f"Python {names} with venv and pip is needed; this is {sys.version_info[0]}.{sys.version_info[1]} "
        "and no other was found.",
        f"Install Python {names} (on Debian or Ubuntu with its -venv package) and try again.",
    )


def probe(python: Path) -> tuple[int, int] | None:
    """Version of an interpreter that runs and has venv and ensurepip, else None."""
    try:
        run = subprocess.run(
            [str(python), "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.fullmatch(r"(\d+)\.(\d+)\s*", run.stdout)
    if run.returncode != 0 or version is None:  # a program that ends well without a word is no Python
        return None
    return int(version[1]), int(version[2])


def _candidates(versions: tuple[tuple[int, int], ...]) -> list[Path]:
    """Interpreters worth asking, the running one first."""
    found = [Path(sys.executable)] if sys.version_info[:2] in versions else []
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for major, minor in versions:
        on_path = shutil.which(f"python{major}.{minor}")
        if on_path:
            found.append(Path(on_path))
        found += sorted((pyenv / "versions").glob(f"{major}.{minor}.*/bin/python"), reverse=True)
        local_programs = os.environ.get("LOCALAPPDATA")
        if local_programs:
            found.append(Path(local_programs) / "Programs" / "Python" / f"Python{major}{minor}" / "python.exe")
    return found
