"""A live head measured in a real window: `python -m tests.gui.live_figures --zip FILE --subject DIR --take DIR`.

TALKER_BLENDER and TALKER_BACKEND_PYTHON name the programs. The take is brought back into an empty scene and looked at
through its camera; then frames are scrubbed to, a key is edited and the line is played. Of each picture it is noted how
long after its change the view was drawn with it, and how far its frame was from the playhead.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from tests.gui import driver
from tests.support.places import ROOT

SIZE = (900, 640)
"""Of the window, px: what is drawn by software takes long in a larger one."""
SECONDS = 9.0
CHANGES = 100
"""25 a second where the loop's turns are short; they must be over in SECONDS."""
READY = """
import pathlib
scene, settings = bpy.context.scene, bpy.context.scene.talker
settings.subject, settings.take, settings.match_scene = {subject!r}, {take!r}, True
bpy.data.objects.remove(bpy.data.objects["Cube"])
importer = module("bridge.bring_back")
importer.bring_back(scene, pathlib.Path({take!r}), 1, importer.options_of(settings))
scene.frame_end = scene.frame_start + {frames} - 1
bpy.context.preferences.system.viewport_aa = "OFF"
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
area.spaces[0].region_3d.view_perspective, area.spaces[0].show_region_ui = "CAMERA", False
region = next(region for region in area.regions if region.type == "WINDOW")
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.view3d.view_center_camera()
"""
NOTE = """
import time
plane, pace = module("bridge.live_plane"), module("client.live_pace").Pace
noted = bpy.app.driver_namespace["noted"] = {"asked": {}, "drawn": [], "off": []}
real_texture, real_add, real_due = plane._texture, pace.add, pace.due
def texture(picture):
    made = real_texture(picture)
    noted["drawn"].append(1000 * (time.monotonic() - noted["asked"].get(picture.number, time.monotonic())))
    return made
def add(self, taken):
    noted["asked"][taken.picture.number] = time.monotonic() - taken.waited_s
    real_add(self, taken)
def due(self, frame, is_playing):
    found = real_due(self, frame, is_playing)
    if found is not None:
        noted["off"].append(found.tag - frame)
    return found
plane._texture, pace.add, pace.due = texture, add, due
"""
TELL = """
import json, pathlib
noted = bpy.app.driver_namespace["noted"]
told = {"drawn": noted["drawn"], "off": noted["off"], "turns": turns.summary(), **module("jobs.live").counts()}
pathlib.Path(%r).write_text(json.dumps(told))
noted["drawn"].clear(), noted["off"].clear(), turns.reset()
"""
STEPS = """
import math
scene, left = bpy.context.scene, [{count}]
item = next(one for one in bpy.data.objects if one.get("talker_role") == "performance")
def step():
    left[0] -= 1
    {change}
    return 0.04 if left[0] else None
bpy.app.timers.register(step)
"""
SCRUB = "scene.frame_set(1 + left[0] * 3 % scene.frame_end)"
EDIT = (
    "curve = next(c for c in module('compat').fcurves(item) if c.data_path == '[\"jawOpen\"]'); "
    "curve.keyframe_points[scene.frame_current - 1].co[1] = 0.5 + 0.45 * math.sin(left[0] / 6); "
    "curve.update(); item.update_tag()"
)
PLAY = """
bpy.context.scene.frame_set(1)
bpy.context.scene.sync_mode = "AUDIO_SYNC"
with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
    bpy.ops.screen.animation_play()
"""


def measure(window: driver.Window, title: str, code: str, before: dict[str, int]) -> None:
    """Run `code`, and print what came of it in the seconds after."""
    told = window.folder / "told.json"
    window.execute(TELL % str(told))
    window.execute(code)
    time.sleep(SECONDS)
    window.execute(TELL % str(told))
    values = json.loads(told.read_text(encoding="utf-8"))
    drawn = sorted(values["drawn"]) or [0.0]
    offsets = {str(off): values["off"].count(off) for off in sorted(set(values["off"]))}
    print(
        f"{title}: {len(values['drawn'])} pictures, change to drawn median {drawn[len(drawn) // 2]:.1f} ms, "
        f"p95 {drawn[len(drawn) * 95 // 100]:.1f}; {values['dropped'] - before['dropped']} dropped; "
        f"frames from the playhead when shown: {offsets}; turns of the loop {values['turns']}",
        flush=True,
    )
    before["dropped"] = values["dropped"]


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("zip", "subject", "take"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    driver.SIZE = SIZE
    found = {name: str(path) for name, path in driver.tools(os.environ["TALKER_BLENDER"]).items()}
    frames = len(json.loads((options.take / "camera.json").read_text(encoding="utf-8"))["camera_to_world"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {"BLENDER_USER_RESOURCES": str(folder / "user")}
        driver.install(found["blender"], options.zip.resolve(), folder / "user")
        story = {"state_dir": str(folder / "state"), "repository": str(ROOT), "heads": "backend.deliver.live_head"}
        (folder / "state").mkdir()
        (folder / "config.json").write_text(json.dumps(story), encoding="utf-8")
        screen = driver.Screen(found)
        window = driver.Window(screen, found["blender"], folder, environment)
        try:
            window.wait_for(lambda state: True, "the window is there")
            values = {"subject": str(options.subject.resolve()), "take": str(options.take.resolve()), "frames": frames}
            window.execute(READY.format(**values))
            window.execute(NOTE)
            before = {"dropped": 0}
            measure(window, "at rest", "", before)
            window.execute("bpy.ops.talker.live_head()")
            window.wait_for(lambda state: state["live"]["shown"] > 0, "the first picture has come")
            measure(window, "scrubbing", STEPS.format(count=CHANGES, change=SCRUB), before)
            measure(window, "editing a key", STEPS.format(count=CHANGES, change=EDIT), before)
            measure(window, "playing", PLAY, before)
            window.execute("bpy.ops.talker.stop_backend()")
            window.wait_for(lambda state: state["job"]["backend"] == "", "the backend is stopped")
        finally:
            window.close()
            screen.close()


if __name__ == "__main__":
    main()
