"""A real Blender module with the staged extension switched on.

TALKER_STAGED names the staged extension (build_addon.py test sets it); without it a bare copy is staged here.
TALKER_BACKEND_PYTHON names the backend's Python, which writes the EXR files that these tests import.
"""

import dataclasses
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import wave
from pathlib import Path

import pytest

from tests.bpy.recorder import Recorder, settle
from tests.bpy.trimming import trim

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
    for package in ("shared", "backend", "docs"):
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
def verbs():
    """The module with the verbs that the backend pretends; a test file may name another one."""
    return "tests.bpy.pretend_verbs"


@pytest.fixture
def connection(modules, backend_python, tmp_path, monkeypatch, verbs):
    """The add-on's connection to a backend of its own with verbs that pretend; stopped at the end."""
    monkeypatch.setenv(modules.backend_place.PYTHON_VARIABLE, str(backend_python))
    real = modules.backend_place.place

    def place(preferences):
        found = real(preferences)
        path = os.pathsep.join((str(found.source), str(ROOT)))  # the extension's own backend before ours
        return dataclasses.replace(
            found,
            state_dir=tmp_path / "state",
            options=("--verbs", verbs, "--heads", "tests.support.fake_heads"),
            environment={"PYTHONPATH": path},
        )

    modules.connection.close()
    monkeypatch.setattr(modules.backend_place, "place", place)
    yield modules.connection
    modules.connection.stop_and_wait()


# The panel -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(addon, bpy, scene):
    """A function that draws a panel until it knows all that it asks for; what it has drawn then, as a Recorder."""

    def draw_once(name):
        layout = Recorder(bpy)
        panel = types.SimpleNamespace(layout=layout)
        getattr(addon.ui.panel, name).draw(panel, bpy.context)
        return layout

    def run(name="TALKER_PT_view3d"):
        addon.ui.folders.forget()
        draw_once(name)
        settle(addon)
        draw_once(name)  # pictures are asked for once their folder is known
        settle(addon)
        return draw_once(name)

    return run


@pytest.fixture
def draw(recorded):
    """A function that draws a panel and returns its texts."""
    return lambda *names: " ".join(recorded(*names).texts)


@pytest.fixture
def disabled(recorded):
    """A function that draws the panel and returns (its texts, the operators in rows that are switched off)."""

    def run():
        layout = recorded()
        return " ".join(layout.texts), layout.off

    return run


@pytest.fixture
def job(addon, bpy):
    """What the panel shows of the job; forgotten at the end."""
    yield bpy.context.window_manager.talker_job
    addon.jobs.shown.clear(bpy.context)


@pytest.fixture
def subject(tmp_path):
    """A subject's folder with one finished model."""
    folder = tmp_path / "subject"
    (folder / "models" / "m2dao").mkdir(parents=True)
    (folder / "models" / "m2dao" / "config.json").write_text("{}")
    (folder / "models" / "unfinished").mkdir()
    (folder / "contact_sheet.png").write_bytes(b"")
    quality = {"warnings": ["The face is small: 90 px."]}
    info = {"source": "clip.mp4", "frame_count": 450, "fps": "30000/1001", "quality": quality}
    (folder / "subject.json").write_text(json.dumps(info))
    return folder


@pytest.fixture
def checkpoint(subject):
    """A function that leaves a training's checkpoint in the subject: a safetensors file with one byte of weights."""

    def leave(progress, preset="draft", rounds=1, model="m2dao", name="checkpoint"):
        lengths = [{"steps": 3000, "minutes": None}] * rounds
        state = {
            "settings": "0", "recipe": "m2dao", "preset": preset, "rounds": lengths, "progress": progress,
            "step": 1350, "elapsed_s": 60.0,
        }  # fmt: skip
        weights = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
        header = json.dumps({"__metadata__": {"state": json.dumps(state)}, "weights": weights}).encode()
        path = subject / "models" / model / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")

    return leave


@pytest.fixture
def backend(addon, monkeypatch):
    """A function that says whether the backend is installed."""

    def say(is_installed):
        found = addon.ui.folders.ScannedBackend(is_installed, "words")
        monkeypatch.setattr(addon.ui.folders, "backend", lambda context: found)

    return say


@pytest.fixture
def talker(scene, tmp_path):
    """The scene's settings, filled in for a line from a file."""
    (tmp_path / "clip.mp4").write_bytes(b"film")
    with wave.open(str(tmp_path / "line.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(32000))
    settings = scene.talker
    settings.footage, settings.subject = str(tmp_path / "clip.mp4"), str(tmp_path / "subject")
    settings.output, settings.line_source = str(tmp_path / "lines"), "FILE"
    settings.line_file = str(tmp_path / "line.wav")
    return settings


# The timeline --------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_sequencer(bpy, scene):
    """A context override as in a sequencer's window, with all strips selected."""

    def override():
        window = bpy.context.window_manager.windows[0]
        area = window.screen.areas[0]
        area.type = "SEQUENCE_EDITOR"
        if hasattr(bpy.context.workspace, "sequencer_scene"):
            bpy.context.workspace.sequencer_scene = scene
        region = next(r for r in area.regions if r.type == "WINDOW")
        return bpy.context.temp_override(window=window, area=area, region=region)

    return override


@pytest.fixture
def make_meta(addon, bpy, scene, in_sequencer):
    """A function that makes a meta strip of all strips, trimmed by so many frames at start and end."""

    def make(start, end):
        for strip in addon.compat.strips(scene.sequence_editor):
            strip.select = True
        with in_sequencer():
            bpy.ops.sequencer.meta_make()
        meta = next(strip for strip in addon.compat.strips(scene.sequence_editor) if strip.type == "META")
        trim(meta, start, end)
        return meta

    return make
