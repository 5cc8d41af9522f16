"""Runs inside the windowed Blender: prepares the add-on for a story, and keeps telling the driver what goes on.

`blender --python startup.py -- FOLDER`. FOLDER/config.json says where the backend's state lives, where the repository
is, whose verbs pretend, and whether they do and the buttons are coloured (`pretend`, `coloured`: yes, unless it says
no). Four times a second FOLDER/state.json is written anew, and FOLDER/command.py, where there is one, is run and
removed.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
ADDON = "bl_ext.user_default.m2dao_talker"
TICK_S = 0.25
BUTTON_COLOUR = (1.0, 0.0, 1.0, 1.0)
big_buttons: list[str] = []
"""Operators of the enabled step buttons, from top to bottom, as the panel drew them last."""


class Turns:
    """How long the turns of the window's loop are, and those of the add-on's own parts in them; ms, without the time in
    which other processes had the CPU."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.gaps: list[float] = []
        self.own: dict[str, float] = {}
        self._last: float | None = None

    def pulse(self) -> float:
        """A timer that comes at every turn: the time since the last one is a turn's length."""
        now = self._now()
        if self._last is not None:
            self.gaps.append(now - self._last)
        self._last = now
        return 0.0

    @contextlib.contextmanager
    def timing(self, name: str):
        """Note the longest call of a part of the add-on's."""
        started = self._now()
        try:
            yield
        finally:
            self.own[name] = max(self.own.get(name, 0.0), self._now() - started)

    def summary(self) -> dict:
        gaps = sorted(self.gaps) or [0.0]
        return {
            "count": len(self.gaps),
            "median_ms": gaps[len(gaps) // 2],
            "p99_ms": gaps[len(gaps) * 99 // 100],
            "longest_ms": gaps[-1],
            "own_ms": dict(self.own),
        }

    @staticmethod
    def _now() -> float:
        try:
            preempted_ms = int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e6
        except OSError:
            preempted_ms = 0.0
        return 1000 * time.perf_counter() - preempted_ms


turns = Turns()
drawn = {"job": None}
"""The job's state when the panel was drawn last."""


def preferences() -> bpy.types.Preferences:
    assert bpy.context.preferences is not None
    return bpy.context.preferences


def window_manager() -> Any:
    """With the add-on's properties."""
    return bpy.context.window_manager


def module(name: str):
    return importlib.import_module(f"{ADDON}.{name}")


def lead_to_backend() -> None:
    """The backend's state lies in the story's own folder, and its jobs are pretended ones unless the story says no."""
    backend_place = module("backend_place")
    real = backend_place.place

    def place(preferences):
        found = dataclasses.replace(real(preferences), state_dir=Path(CONFIG["state_dir"]))
        if not CONFIG.get("pretend", True):
            return found
        path = os.pathsep.join((str(found.source), CONFIG["repository"]))  # the extension's own backend before ours
        return dataclasses.replace(
            found,
            options=("--verbs", "tests.gui.window_verbs", "--heads", CONFIG.get("heads", "tests.support.fake_heads")),
            environment={"PYTHONPATH": path},
        )

    backend_place.place = place


def note_big_buttons() -> None:
    """Keep the order of the enabled step buttons, which a picture of the window cannot tell apart."""
    panel, job_box, words = module("ui.panel"), module("ui.job_box"), module("jobs.words")
    real_draw, real_step = panel._Panel.draw, job_box.draw_step

    def draw(self, context):
        big_buttons.clear()
        drawn["job"] = context.window_manager.talker_job.state
        real_draw(self, context)

    def step(layout, operator, icon, reason, *more):
        if not reason and not words.is_running(window_manager().talker_job):
            big_buttons.append(operator)
        return real_step(layout, operator, icon, reason, *more)

    panel._Panel.draw, job_box.draw_step = draw, step


def time_own_turns() -> None:
    """Time what the add-on does in the loop. Blender counts a function's parameters, so each is written out.

    The watch's timer is registered already, so it is begun anew.
    """
    watch, follows, panel = module("jobs.watch"), module("operators.following").FollowsJob, module("ui.panel")._Panel
    real_turn, real_modal, real_draw = watch.turn, follows.modal, panel.draw

    def turn():
        with turns.timing("watch"):
            return real_turn()

    def modal(self, context, event):
        with turns.timing("modal"):
            return real_modal(self, context, event)

    def draw(self, context):
        with turns.timing("draw"):
            real_draw(self, context)

    watch.stop()
    watch.turn, follows.modal, panel.draw = turn, modal, draw
    watch.start()


def colour_buttons() -> None:
    """Buttons of operators in one flat colour, by which the driver finds them in a picture of the window."""
    colours = preferences().themes[0].user_interface.wcol_tool
    colours.inner = colours.inner_sel = BUTTON_COLOUR
    colours.show_shaded = False


def open_sidebar() -> None:
    for area in window_manager().windows[0].screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.show_region_ui = True


def state() -> dict:
    """What a story asserts."""
    scene: Any = bpy.context.scene  # with the add-on's properties
    windows = window_manager().windows
    editor = scene.sequence_editor
    strips: Any = getattr(editor, "strips", None) or getattr(editor, "sequences", ()) if editor else ()
    job = window_manager().talker_job
    install = module("operators.install_backend")
    running = install.running()
    live = module("jobs.live")
    return {
        "big_buttons": list(big_buttons),
        "drawn_job": drawn["job"],
        "regions": [_rectangle(windows[0], area, "UI") for area in windows[0].screen.areas if area.type == "VIEW_3D"],
        "view": _largest(windows[0]),
        "job": {
            name: getattr(job, name)
            for name in ("backend", "job_id", "verb", "state", "phase", "step", "total", "preview")
        },
        "turns": turns.summary(),
        "playing": any(window.screen.is_animation_playing for window in windows),
        "modal": [operator.bl_idname for window in windows for operator in window.modal_operators],
        "windows": len(windows),
        "objects": sorted(object.name for object in scene.objects),
        "hidden": sorted(object.name for object in scene.objects if object.hide_get()),
        "strips": sorted(strip.type for strip in strips),
        "take": scene.talker.take,
        "left": module("jobs.shown").undone(),
        "live": live.counts() | {"on": live.is_on(), "trouble": live.trouble()},
        "dirty": bpy.data.is_dirty,
        "installation": {"lines": list(running.lines), "packages": running.packages} if running else None,
        "installation_error": install.last_error(),
    }


def _rectangle(window, area, kind: str) -> list[int]:
    """(left, top, right, bottom) of a region in px of the window, whose origin is at the top left corner."""
    region = next(region for region in area.regions if region.type == kind)
    return [region.x, window.height - region.y - region.height, region.x + region.width, window.height - region.y]


def _largest(window) -> list[int]:
    """(left, top, right, bottom) of what the largest editor shows, without its sidebars and titles."""
    return _rectangle(window, max(window.screen.areas, key=lambda area: area.width * area.height), "WINDOW")


def tick() -> float:
    command = FOLDER / "command.py"
    if command.is_file():
        code = command.read_text(encoding="utf-8")
        try:
            exec(compile(code, str(command), "exec"), {"bpy": bpy, "module": module, "turns": turns})
        except Exception:
            (FOLDER / "command.error").write_text(traceback.format_exc(), encoding="utf-8")
        module("window").redraw_sidebars(bpy.context)
        command.unlink()
    temporary = FOLDER / "state.partial"
    temporary.write_text(json.dumps(state()), encoding="utf-8")
    temporary.replace(FOLDER / "state.json")
    return TICK_S


preferences().view.show_splash = False
preferences().view.show_tooltips = False
preferences().system.use_online_access = True
preferences().system.use_region_overlap = False
lead_to_backend()
note_big_buttons()
time_own_turns()
if CONFIG.get("coloured", True):
    colour_buttons()
open_sidebar()
bpy.app.timers.register(tick, first_interval=TICK_S, persistent=True)
bpy.app.timers.register(turns.pulse, persistent=True)
