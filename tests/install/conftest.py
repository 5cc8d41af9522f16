"""Blender with an empty user folder, into which its own operator installs the built zip.

TALKER_ZIP names the zip (build_addon.py test sets it), TALKER_BACKEND_PYTHON the backend's Python.
"""

import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

MODULE = "bl_ext.user_default.m2dao_talker"

_home = Path(tempfile.mkdtemp(prefix="talker-installed-"))
os.environ["BLENDER_USER_RESOURCES"] = str(_home)


@pytest.fixture(scope="session")
def zip_file() -> Path:
    named = os.environ.get("TALKER_ZIP")
    if not named:
        pytest.skip("no built zip (TALKER_ZIP): run python3 build_addon.py test")
    return Path(named)


@pytest.fixture(scope="session")
def home() -> Path:
    """The user folder, empty before the installation."""
    return _home


@pytest.fixture(scope="session")
def installed(zip_file, home):
    """bpy, after the zip was installed and enabled; removed again at the end, or the process would not exit cleanly."""
    import bpy

    addon_utils = importlib.import_module("addon_utils")  # to be found only once bpy is there
    bpy.ops.wm.read_factory_settings(use_empty=True)
    outcome: object = bpy.ops.extensions.package_install_files(
        filepath=str(zip_file), repo="user_default", enable_on_install=True
    )
    assert outcome == {"FINISHED"}
    yield bpy
    addon_utils.disable(MODULE, default_set=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def extension(installed):
    """The installed extension's root package."""
    return sys.modules[MODULE]


@pytest.fixture(scope="session")
def backend_python() -> Path:
    named = os.environ.get("TALKER_BACKEND_PYTHON")
    if not named:
        pytest.skip("no backend environment (TALKER_BACKEND_PYTHON): run python3 build_addon.py test")
    return Path(named)
