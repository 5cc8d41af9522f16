"""The live head in a real window: its colours are on the screen, it changes no file, and undo ends it."""

import time

import numpy as np

LEAST_PX = 2000
"""So many pixels of the screen show the picture, at least."""
LOOK_THROUGH_CAMERA = """
for area in bpy.context.window_manager.windows[0].screen.areas:
    if area.type == "VIEW_3D":
        area.spaces[0].region_3d.view_perspective = "CAMERA"
bpy.context.preferences.system.viewport_aa = "OFF"
"""
TELL_COLOUR = """
import pathlib, struct
picture = module("bridge.live_plane").shown()
rgb = [round(255 * v ** (1 / 2.2)) for v in struct.unpack_from("<3f", picture.rgba)]
pathlib.Path({file!r}).write_text(" ".join(map(str, rgb)))
"""


def brought_back(window):
    """Render a line with clicks, bring it back, and look through its camera."""
    window.click_step("talker.render_line")
    window.wait_for(lambda state: state["take"], "the take is known to the scene")
    window.click_step("talker.bring_back")
    window.wait_for(lambda state: state["strips"], "the take is on the timeline")
    window.execute(LOOK_THROUGH_CAMERA)


def switch_on(window):
    window.execute("bpy.ops.talker.live_head()")
    return window.wait_for(lambda state: state["live"]["shown"] > 0, "a live picture has come")


def pixels_of(window, colour) -> int:
    """Pixels of the screen that have a colour, to one level."""
    near = np.abs(window.screen.picture().astype(int) - colour).max(axis=2) <= 1
    return int(near.sum())


def test_the_picture_is_on_the_screen_in_its_own_colours_and_changes_no_file(window, story):
    brought_back(window)
    window.execute("bpy.ops.wm.save_mainfile()")
    switch_on(window)
    window.execute(TELL_COLOUR.format(file=str(story / "colour.txt")))
    colour = np.array([int(word) for word in (story / "colour.txt").read_text().split()])
    deadline = time.monotonic() + 60.0
    while pixels_of(window, colour) < LEAST_PX:
        assert time.monotonic() < deadline, f"the screen does not show {colour}"
        time.sleep(0.3)
    shown = window.state()["live"]["shown"]
    window.execute("bpy.context.scene.frame_set(4)")
    state = window.wait_for(lambda state: state["live"]["shown"] > shown, "the next frame's picture has come")
    assert state["dirty"] is False
    window.execute("bpy.ops.talker.live_head()")
    state = window.wait_for(lambda state: not state["live"]["on"], "it is switched off")
    assert state["live"]["trouble"] == ["", ""] and state["dirty"] is False


def test_undo_of_bring_back_switches_it_off_in_words(window):
    brought_back(window)
    switch_on(window)
    window.key("ctrl+z")
    state = window.wait_for(lambda state: not state["live"]["on"], "the take is gone, and the live head with it")
    assert state["strips"] == [] and "not in this file any more" in state["live"]["trouble"][0]


def test_while_it_plays_pictures_come(window):
    brought_back(window)
    window.execute("bpy.context.scene.frame_end = 6")
    shown = switch_on(window)["live"]["shown"]
    window.key("space")
    state = window.wait_for(lambda state: state["live"]["shown"] > shown + 2, "pictures come while it plays")
    assert state["playing"]
    window.key("Escape")
    window.wait_for(lambda state: not state["playing"], "the timeline stands")
