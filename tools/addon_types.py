"""mypy over the add-on, laid out as Blender sees it: shared/ beside its files, so that its relative imports resolve.

Blender's types come from stubs in the backend's environment (fake-bpy-module-4.5), which bring no bpy to import.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .workspace import BUILD, EXTENSION_ID, ROOT, run

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


def lay_out() -> Path:
    """A folder with the extension as a package of its own. Paths in it are those of blender_addon/ and shared/."""
    folder = BUILD / "types"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "blender_addon", folder / EXTENSION_ID, ignore=_LEFT_OUT)
    shutil.copytree(ROOT / "shared", folder / EXTENSION_ID / "shared", ignore=_LEFT_OUT)
    return folder


def check(python: Path) -> int:
    """Run mypy by the environment's `python`; its exit status."""
    command: list[str | os.PathLike] = [
        python,
        "-m",
        "mypy",
        "--config-file",
        ROOT / "pyproject.toml",
        "--package",
        EXTENSION_ID,
    ]
    return run(command, cwd=lay_out())
