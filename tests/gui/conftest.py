"""A windowed Blender, named by TALKER_BLENDER, with the built zip in an empty user folder; skips without one."""

from __future__ import annotations

import json
import os
import shutil
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui import driver

HOW = "python3 build_addon.py test --window makes one on Debian (docs/testing.md)"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def found() -> dict[str, str]:
    """Paths of Blender, Xvfb and xdotool."""
    named = os.environ.get("TALKER_BLENDER")
    if not named:
        pytest.skip(f"no Blender with a window: set TALKER_BLENDER; {HOW}")
    paths = driver.tools(named)
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        pytest.skip(f"the window's tests lack {', '.join(missing)}; {HOW}")
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="session")
def user_folder(found, tmp_path_factory) -> Path:
    """A user folder of Blender's into which its own operator has installed the zip."""
    archive = os.environ.get("TALKER_ZIP")
    if not archive:
        pytest.skip("no built zip (TALKER_ZIP): run python3 build_addon.py test")
    folder = tmp_path_factory.mktemp("blender")
    driver.install(found["blender"], Path(archive), folder)
    return folder


@pytest.fixture(scope="session")
def screen(found) -> Iterator[driver.Screen]:
    """A screen for all windows, one after the other."""
    screen = driver.Screen(found)
    yield screen
    screen.close()


@pytest.fixture
def story(tmp_path) -> Path:
    """A story's folder: the backend's state, footage, a preprocessed and trained subject, a line."""
    (tmp_path / "state").mkdir()
    config = {"state_dir": str(tmp_path / "state"), "repository": str(ROOT)}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = tmp_path / "subject" / "models" / "m2dao"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}", encoding="utf-8")
    info = {"source": "clip.mp4", "frame_count": 450, "fps": "25/1", "quality": {}}
    (tmp_path / "subject" / "subject.json").write_text(json.dumps(info), encoding="utf-8")
    with wave.open(str(tmp_path / "hello.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 4000))
    return tmp_path


@pytest.fixture
def open_window(found, user_folder, screen, story, monkeypatch):
    """A function that opens Blender on a story; several times if need be. The last one and its backend are ended."""
    opened: list[driver.Window] = []
    python = os.environ.get("TALKER_BACKEND_PYTHON", sys.executable)
    environment = {"BLENDER_USER_RESOURCES": str(user_folder), "TALKER_BACKEND_PYTHON": python}

    def open_one(file: Path | None = None) -> driver.Window:
        opened.append(driver.Window(screen, found["blender"], story, environment, file))
        opened[-1].show_tab()
        return opened[-1]

    yield open_one
    if opened[-1].process.poll() is None:
        opened[-1].execute("bpy.ops.talker.stop_backend()")
        opened[-1].wait_for(lambda state: state["job"]["backend"] == "", "the backend is stopped")
    for window in opened:
        window.close()
    shutil.rmtree(story / "subject")


@pytest.fixture
def window(open_window, story) -> driver.Window:
    """Blender with the story's settings in its scene, saved beside them."""
    window = open_window()
    window.execute(
        f"settings = bpy.context.scene.talker; folder = {str(story)!r}\n"
        "settings.subject, settings.output = folder + '/subject', folder + '/lines'\n"
        "settings.line_source, settings.line_file = 'FILE', folder + '/hello.wav'\n"
        "bpy.ops.wm.save_as_mainfile(filepath=folder + '/shot.blend')\n"
    )
    return window
