"""A real Blender module with the staged extension switched on.

TALKER_STAGED names the staged extension (build_addon.py test sets it); without it a bare copy is staged here.
TALKER_BACKEND_PYTHON names the backend's Python, which writes the EXR files that these tests import.
"""

import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTENSION_ID = "m2dao_talker"
MODULE = f"bl_ext.user_default.{EXTENSION_ID}"

_home = Path(tempfile.mkdtemp(prefix="talker-blender-"))
os.environ["BLENDER_USER_RESOURCES"] = str(_home)


def _stage(target: Path) -> None:
    staged = os.environ.get("TALKER_STAGED")
    ignore = shutil.ignore_patterns("__pycache__")
    if staged:
        shutil.copytree(staged, target, ignore=ignore)
        return
    shutil.copytree(ROOT / "blender_addon", target, ignore=ignore)
    for package in ("shared", "backend"):
        shutil.copytree(ROOT / package, target / package, ignore=ignore)


@pytest.fixture(scope="session")
def bpy():
    """Blender, with the extension enabled; disabled at the end, or the process would not exit cleanly."""
    extension = _home / "extensions" / "user_default" / EXTENSION_ID
    extension.parent.mkdir(parents=True)
    _stage(extension)
    import bpy

    addon_utils = importlib.import_module("addon_utils")  # to be found only once bpy is there
    bpy.ops.wm.read_factory_settings(use_empty=True)
    enabled = addon_utils.enable(MODULE, default_set=True)
    assert enabled is not None, "the staged extension does not switch on"
    yield bpy
    addon_utils.disable(MODULE, default_set=True)
    shutil.rmtree(_home, ignore_errors=True)


@pytest.fixture(scope="session")
def addon(bpy):
    """The extension's root package."""
    return sys.modules[MODULE]


@pytest.fixture
def scene(bpy):
    """The scene of an empty new file."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    return bpy.context.scene


@pytest.fixture(scope="session")
def backend_python() -> Path:
    """The backend's Python."""
    default = ROOT / ".venv" / "backend" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python = Path(os.environ.get("TALKER_BACKEND_PYTHON", default))
    if not python.is_file():
        pytest.skip("no backend environment to write EXR files with (TALKER_BACKEND_PYTHON)")
    return python


@pytest.fixture(scope="session")
def make_take(backend_python, tmp_path_factory):
    """A function that writes a small render folder in the delivered form (see synthetic_take.py) and returns it."""

    def make(name: str = "line_01", *options: str) -> Path:
        folder = tmp_path_factory.mktemp("takes") / name
        subprocess.run(
            [backend_python, Path(__file__).with_name("synthetic_take.py"), folder, *options],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return folder

    return make


@pytest.fixture
def modules(addon):
    """The add-on's modules: those of jobs/ by their names, others with their room's (operators_jobs)."""
    names = """
        backend_place compat client.link client.process jobs.blocking jobs.connection jobs.live jobs.shown jobs.step_run
        jobs.steps jobs.takes jobs.watch jobs.words operators.backend operators.following operators.jobs window
    """.split()
    found = {name: importlib.import_module(f"{addon.__name__}.{name}") for name in names}
    return types.SimpleNamespace(**{name.replace("jobs.", "", 1).replace(".", "_"): m for name, m in found.items()})


@pytest.fixture
def connection(modules, backend_python, tmp_path, monkeypatch):
    """The add-on's connection to a backend of its own with verbs that pretend; stopped at the end."""
    monkeypatch.setenv(modules.backend_place.PYTHON_VARIABLE, str(backend_python))
    real = modules.backend_place.place

    def place(preferences):
        found = real(preferences)
        path = os.pathsep.join((str(found.source), str(ROOT)))  # the extension's own backend before ours
        return dataclasses.replace(
            found,
            state_dir=tmp_path / "state",
            options=("--verbs", "tests.bpy.pretend_verbs", "--heads", "tests.support.fake_heads"),
            environment={"PYTHONPATH": path},
        )

    modules.connection.close()
    monkeypatch.setattr(modules.backend_place, "place", place)
    yield modules.connection
    modules.connection.stop_and_wait()
