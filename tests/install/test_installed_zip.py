"""The built zip, installed by Blender's own operator into an empty user folder, and used there."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FAKE_SETUP = """
import sys
print("Making the environment")
print({last!r})
sys.exit({status})
"""


def test_the_extension_is_enabled_from_the_user_folder(installed, extension, home):
    assert extension.__package__ in installed.context.preferences.addons
    assert Path(extension.__file__).is_relative_to(home)


def test_the_zip_holds_the_backend_and_no_leavings(zip_file):
    with zipfile.ZipFile(zip_file) as archive:
        names = set(archive.namelist())
    for wanted in (
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "requirements/backend.txt",
        "requirements/torch.txt",
        "requirements/cuda.txt",
        "requirements/credentials.txt",
        "backend/__main__.py",
        "backend/kernels/src/api.h",
        "shared/setup/__main__.py",
    ):
        assert wanted in names
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".partial"))] == []
    assert not any(name.startswith("tests/") for name in names)


def test_the_zip_holds_this_platform_s_compiled_kernels_alone(zip_file, extension):
    build = importlib.import_module(f"{extension.__name__}.backend.kernels.build")
    with zipfile.ZipFile(zip_file) as archive:
        libraries = [name for name in archive.namelist() if name.startswith("backend/kernels/lib/")]
    target = build.platform_name()
    assert libraries == [f"backend/kernels/lib/{target}/{build.library_name(target)}"]


def test_the_bundled_wheels_import_with_nothing_else_on_the_path(installed, home):
    folders = list((home / "extensions" / ".local" / "lib").glob("python*/site-packages"))
    assert len(folders) == 1
    code = f"import sys; sys.path.insert(0, {str(folders[0])!r}); import zmq, msgpack; print(zmq.__file__); "
    code += "print(msgpack.unpackb(msgpack.packb({'frame': 7})), zmq.zmq_version_info() >= (4, 3))"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    place, values = run.stdout.strip().splitlines()
    assert Path(place).is_relative_to(home)
    assert values == "{'frame': 7} True"


def test_operators_panels_and_scene_properties_are_registered(installed):
    bpy = installed
    assert {"install_backend", "cancel_install", "bring_back", "cancel_job"} <= set(dir(bpy.ops.talker))
    assert bpy.context.scene.talker.preset in {"draft", "standard", "film"}
    panels = [cls for cls in bpy.types.Panel.__subclasses__() if getattr(cls, "bl_category", "") == "Talker"]
    assert {panel.bl_space_type for panel in panels} == {"VIEW_3D", "SEQUENCE_EDITOR"}


def test_nothing_is_written_into_the_extension_s_own_folder(extension, home):
    place = importlib.import_module(f"{extension.__name__}.backend_place")
    folder = place.user_folder("state")
    assert folder.is_relative_to(home)
    assert not folder.is_relative_to(Path(extension.__file__).parent)


def test_install_backend_waits_for_the_user_s_word_on_online_access(installed):
    installed.context.preferences.system.use_online_access = False
    assert not installed.ops.talker.install_backend.poll()
    installed.context.preferences.system.use_online_access = True
    assert installed.ops.talker.install_backend.poll()


@pytest.fixture
def setup_that(extension, tmp_path, monkeypatch):
    """Puts a set-up in the real one's place that says a last line and ends with a status."""
    place = importlib.import_module(f"{extension.__name__}.backend_place")

    def replace(last: str, status: int) -> None:
        package = tmp_path / "shared" / "setup"
        package.mkdir(parents=True)
        (tmp_path / "shared" / "__init__.py").write_text("")
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(FAKE_SETUP.format(last=last, status=status))
        monkeypatch.setattr(place, "EXTENSION_ROOT", tmp_path)
        monkeypatch.setattr(place, "plan", lambda: Plan(tmp_path / "environment"))

    class Plan:
        def __init__(self, folder):
            self.folder = folder

    return replace


def test_install_backend_finishes_with_its_child(installed, setup_that, capfd):
    installed.context.preferences.system.use_online_access = True
    setup_that("Done.", 0)
    assert installed.ops.talker.install_backend() == {"FINISHED"}
    assert "Making the environment" in capfd.readouterr().out


def test_install_backend_reports_why_its_child_failed(installed, extension, setup_that):
    installed.context.preferences.system.use_online_access = True
    setup_that("The disk is full. Free some space.", 2)
    with pytest.raises(RuntimeError, match="The disk is full"):
        installed.ops.talker.install_backend()
    operator = importlib.import_module(f"{extension.__name__}.operators.install_backend")
    assert operator.last_error() == "The disk is full. Free some space."


def test_the_installed_backend_answers_a_job(extension, backend_python, monkeypatch):
    monkeypatch.setenv("TALKER_BACKEND_PYTHON", str(backend_python))
    blocking = importlib.import_module(f"{extension.__name__}.jobs.blocking")
    try:
        report = blocking.run("doctor", {}, timeout_s=120)
        assert report["packages"]["numpy"]
        root = Path(extension.__file__).parent
        assert Path(report["backend"]).is_relative_to(root)
        assert report["raster"]["library"]["origin"] == "prebuilt"
        assert Path(report["raster"]["library"]["path"]).is_relative_to(root)
    finally:
        importlib.import_module(f"{extension.__name__}.jobs.connection").stop_and_wait()
