"""The documentation's pictures of the panel: `python -m tests.gui.pictures --zip FILE --project DIR --out DIR`.

PROJECT is a folder with talker/presenter/ (presenter.mp4, line.wav), talker/subject/ and its trained head m2dao, as the
tutorial leaves them; a copy of it is worked on. TALKER_BLENDER and TALKER_BACKEND_PYTHON name the programs. A real
backend renders a line and trains for a moment, so this takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from tests.gui import driver
from tests.support.places import ROOT

SIZE = (1500, 2300)
"""Of the window, px: high enough for the whole panel with all that it says."""
BAND_PX = (20, 40)
"""Least and greatest height of the band that a step's title stands on."""
BAND_X = 11
"""A column of the panel beside all titles, px."""
SETTLE_S = 2.5
COLOURS = 128
"""Of a picture's palette: flat surfaces and text need no more."""
SCENE = "scene = bpy.context.scene; settings = scene.talker\n"
SAVE = "bpy.ops.wm.save_as_mainfile(filepath={file!r})"
FILL = """
settings.footage, settings.preset, settings.match_scene = "//talker/presenter/presenter.mp4", "draft", True
bpy.data.objects.remove(bpy.data.objects["Cube"])
scene.render.fps, scene.frame_end = 25, 450
strips = module("compat").strips(scene.sequence_editor_create())
for name, frame in (("greeting", 1), ("answer", 160), ("aside", 310)):
    strips.new_sound(name, bpy.path.abspath("//talker/presenter/line.wav"), 1, frame)
strips["aside"].mute = True
settings.line_strip = "greeting"
bpy.ops.wm.save_mainfile()
"""
LOOK_THROUGH_CAMERA = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
area.spaces[0].region_3d.view_perspective = "CAMERA"
region = next(region for region in area.regions if region.type == "WINDOW")
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.view3d.view_center_camera()
"""
DIRECT = """
bpy.ops.talker.direct_line()
rig = bpy.context.object
for frame, value in ((20, 0.0), (32, 1.0), (60, 1.0), (72, 0.0)):
    for bone in ("Smile", "Brows"):
        rig.pose.bones[bone].location[1] = value
        rig.pose.bones[bone].keyframe_insert("location", frame=frame)
rig.data.bones.active = rig.data.bones["Smile"]
scene.frame_set(40)
bpy.ops.talker.live_head()
"""
NODES = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
area.ui_type = "CompositorNodeTree"
area.spaces[0].show_region_ui = False
"""
SEE_NODES = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.ui_type == "CompositorNodeTree")
region = next(region for region in area.regions if region.type == "WINDOW")
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.node.select_all(action="DESELECT")
    bpy.ops.node.view_all()
"""


class Painter:
    """Takes pictures of a window and its panel."""

    def __init__(self, window: driver.Window, out: Path) -> None:
        self._window, self._out = window, out

    def run(self, code: str) -> None:
        self._window.execute(SCENE + code)
        time.sleep(SETTLE_S)

    def panel(self) -> np.ndarray:
        """(height, width, 3) RGB of the sidebar, without the empty part below."""
        left, top, right, bottom = (self._window.state() or {})["regions"][0]
        picture = self._window.screen.picture()[top:bottom, left : right - 30]  # without the tabs
        return picture[: 1 + int(np.flatnonzero(np.ptp(picture[:, 20:-20], axis=(1, 2)) > 8)[-1]) + 8]

    def step(self, name: str, number: int) -> None:
        """Keep one of the panel's steps; 0: what is above them and the first."""
        panel = self.panel()
        begins = [*_bands(panel), len(panel)]
        top = 0 if number == 0 else begins[number - 1]
        self._keep(name, panel[top : begins[max(number, 1)]])

    def view(self, name: str, share: float, shape: float) -> None:
        """Keep the middle of the largest editor, `shape` times as high as wide, at a share of its size."""
        left, top, right, bottom = (self._window.state() or {})["view"]
        picture = self._window.screen.picture()[top:bottom, left:right]
        high, wide = picture.shape[:2]
        half = round(wide * shape / 2)
        middle = picture[high // 2 - half : high // 2 + half]
        self._keep(name, cv2.resize(middle, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))

    def _keep(self, name: str, rgb: np.ndarray) -> None:
        path = self._out / f"{name}.png"
        cv2.imwrite(str(path), _few_colours(rgb)[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"{path}: {rgb.shape[1]} x {rgb.shape[0]} px, {path.stat().st_size / 1000:.0f} kB", flush=True)


def _bands(panel: np.ndarray) -> list[int]:
    """Rows at which the bands of the steps' titles, and that of the backend, begin."""
    column = panel[:, BAND_X].astype(int).sum(axis=1)
    edges = [0, *(1 + np.flatnonzero(np.diff(column))).tolist(), len(column)]
    parts = [(begin, end) for begin, end in zip(edges, edges[1:], strict=False)]
    titles = [(int(column[begin]), end - begin) for begin, end in parts if BAND_PX[0] <= end - begin <= BAND_PX[1]]
    (title, height), _ = Counter(titles).most_common(1)[0]
    bands = [(begin, end) for begin, end in parts if column[begin] == title and end - begin >= height]
    return [max(begin, end - height) for begin, end in bands]


def _few_colours(rgb: np.ndarray) -> np.ndarray:
    """The picture in COLOURS colours, so that its file is small."""
    pixels = rgb.reshape(-1, 3).astype(np.float32)
    some = pixels[:: max(1, len(pixels) // 20000)]
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
    cv2.setRNGSeed(1)
    _, _, centres = cv2.kmeans(some, COLOURS, np.zeros(len(some), np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)
    nearest = np.concatenate([_nearest(part, centres) for part in np.array_split(pixels, 1 + len(pixels) // 50000)])
    return centres[nearest].round().astype(np.uint8).reshape(rgb.shape)


def _nearest(pixels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the colour that is nearest to each pixel."""
    return np.argmin((centres**2).sum(axis=1) - 2 * pixels @ centres.T, axis=1)


def paint(window: driver.Window, project: Path, out: Path) -> None:
    """All pictures, one state of the panel after the other."""
    painter = Painter(window, out)
    (project / "empty").mkdir()
    painter.run(SAVE.format(file=str(project / "empty" / "shot.blend")))
    painter.step("begin", 0)
    painter.run(SAVE.format(file=str(project / "shot.blend")))
    painter.run(FILL)
    painter.step("footage", 1)
    painter.run("bpy.ops.talker.render_and_bring_back('INVOKE_DEFAULT')")
    window.wait_for(lambda state: "MOVIE" in state["strips"], "the line is rendered and brought back")
    painter.run(LOOK_THROUGH_CAMERA)
    painter.step("head", 2)
    painter.step("lines", 3)
    painter.step("bring_back", 4)
    painter.run(DIRECT)
    window.wait_for(lambda state: state["live"]["shown"] > 0, "the live head is shown")
    time.sleep(2 * SETTLE_S)
    painter.view("direction", 0.7, 0.8)
    painter.run("bpy.ops.talker.live_head(); bpy.ops.object.mode_set(mode='OBJECT')")
    painter.run("bpy.ops.talker.train('INVOKE_DEFAULT', mode='ANEW')")
    window.wait_for(lambda state: state["job"]["preview"], "the training shows a picture")
    time.sleep(2 * SETTLE_S)
    painter.step("training", 2)
    painter.run("bpy.ops.talker.cancel_job()")
    window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")
    painter.run(NODES)
    painter.run(SEE_NODES)
    painter.view("compositor", 0.7, 0.45)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("zip", "project", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    driver.SIZE = SIZE
    found = {name: str(path) for name, path in driver.tools(os.environ["TALKER_BLENDER"]).items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        driver.install(found["blender"], options.zip.resolve(), folder / "user")
        story = {"state_dir": str(folder / "state"), "repository": str(ROOT), "pretend": False, "coloured": False}
        (folder / "state").mkdir()
        (folder / "config.json").write_text(json.dumps(story), encoding="utf-8")
        for part in ("presenter", "subject"):
            shutil.copytree(options.project / "talker" / part, folder / "talker" / part)
        screen = driver.Screen(found)
        window = driver.Window(screen, found["blender"], folder, {"BLENDER_USER_RESOURCES": str(folder / "user")})
        try:
            window.show_tab()
            paint(window, folder, options.out)
            window.execute("bpy.ops.talker.stop_backend()")
            window.wait_for(lambda state: state["job"]["backend"] == "", "the backend is stopped")
        finally:
            window.close()
            screen.close()


if __name__ == "__main__":
    main()
