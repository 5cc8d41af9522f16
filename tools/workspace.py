"""The repository's own places, its version, and its two environments."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from shared.files import make_writable
from shared.setup.__main__ import fetch_models
from shared.setup.environment import EnvironmentPlan, backend_plan, blender_plan, prepare, write_launcher
from shared.setup.pip import child_environment

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
DIST = ROOT / "dist"
EXTENSION_ID = "m2dao_talker"

_SYSTEMS = {"linux": "linux", "windows": "windows", "darwin": "macos"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


def say(line: str) -> None:
    """One line for the user, at once."""
    print(line, flush=True)


def this_platform() -> str:
    """Blender's name of this machine's platform, such as linux-x64."""
    system, machine = platform.system().lower(), platform.machine().lower()
    return f"{_SYSTEMS.get(system, system)}-{_MACHINES.get(machine, machine)}"


def prepare_backend() -> EnvironmentPlan:
    """The backend's environment at .venv/backend, `.venv/bin/talker`, and the model files in their cache."""
    plan = backend_plan(ROOT, VENV / "backend", with_tests=True)
    prepare_plan(plan)
    write_launcher(VENV / "bin" / "talker", plan.python, ROOT)
    fetch_models(plan.python, ROOT)
    return plan


def prepare_blender() -> EnvironmentPlan:
    """Blender as a module at .venv/blender."""
    plan = blender_plan(ROOT, VENV / "blender")
    prepare_plan(plan)
    return plan


def prepare_plan(plan: EnvironmentPlan) -> None:
    """Make the environment of `plan`, or bring it up to date. Raises TalkerError."""
    make_writable(plan.folder.parent)
    prepare(plan, say, Path(sys.executable))


def project_environment(**more: str) -> dict[str, str]:
    """Environment variables for a child that imports the repository's packages."""
    return {**child_environment(), "PYTHONPATH": str(ROOT), **more}


def run(command: list[str | os.PathLike], cwd: Path | None = None, env: dict[str, str] | None = None) -> int:
    """Exit status of a child whose output goes straight to the terminal."""
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], cwd=cwd, env=env, check=False).returncode
