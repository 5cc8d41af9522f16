"""A real Blender window on a screen of its own, worked with real clicks and keys.

Xvfb is the screen, xdotool the hand; the window is seen through Xvfb's frame buffer file, and Blender itself tells of
its state in a file (startup.py). Nothing here waits longer than LIMIT_S, and nothing asserts how long anything takes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

SIZE = (1280, 1700)
"""Of the screen, px: high enough for the whole panel."""
LIMIT_S = 120.0
MAGENTA = (255, 0, 255)
BIG_BUTTON_PX = 25
"""Step buttons are higher than this, all others lower."""
WIDE_BUTTON_PX = 60
"""Buttons with a text are wider than this, those with an icon alone narrower."""
NOWHERE = (300, 700)
"""A place in the 3D view, beside everything that answers a click of itself."""
TABS = 8
"""More than the sidebar has; further turns of the wheel stay on the last one."""
Rectangle = tuple[int, int, int, int]
"""Left, top, width, height, px."""


def tools(blender: str) -> dict[str, str | None]:
    """Blender, Xvfb and xdotool by name, None where one is missing; looked for beside `blender` first."""
    executable = shutil.which(blender)
    path = os.pathsep.join((str(Path(executable or blender).parent), os.environ.get("PATH", "")))
    return {"blender": executable, **{name: shutil.which(name, path=path) for name in ("Xvfb", "xdotool")}}


def install(blender: str, archive: Path, user_folder: Path) -> None:
    """Have Blender install the extension's zip into a user folder, by its own operator."""
    code = (
        "import bpy; bpy.ops.extensions.package_install_files("
        f"filepath={str(archive)!r}, repo='user_default', enable_on_install=True); bpy.ops.wm.save_userpref()"
    )
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(user_folder)}
    command = [blender, "-b", "--python-exit-code", "1", "--python-expr", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


class Screen:
    """An X server without a monitor."""

    def __init__(self, found: dict[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="talker-screen-"))
        self._xdotool = found["xdotool"]
        read, write = os.pipe()
        size = f"{SIZE[0]}x{SIZE[1]}x24"
        command = [found["Xvfb"], "-displayfd", str(write), "-screen", "0", size, "-fbdir", str(self._folder)]
        self._log = (self._folder / "log.txt").open("wb")
        self._process = subprocess.Popen(
            [*command, "-nolisten", "tcp"], pass_fds=(write,), stdout=self._log, stderr=self._log
        )
        os.close(write)
        with os.fdopen(read) as answer:
            self.display = f":{answer.readline().strip()}"

    def hand(self, *arguments: str | float) -> None:
        """One call of xdotool."""
        environment = {**os.environ, "DISPLAY": self.display}
        subprocess.run([self._xdotool, *map(str, arguments)], env=environment, check=True, timeout=LIMIT_S)

    def picture(self) -> np.ndarray:
        """(height, width, 3) uint8 RGB of the whole screen, from the XWD file that Xvfb keeps."""
        data = (self._folder / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(data, ">u4", 25)
        header_size, width, height, line_size, colours = (int(header[index]) for index in (0, 4, 5, 12, 19))
        pixels = np.frombuffer(data, np.uint8, line_size * height, header_size + 12 * colours)
        return pixels.reshape(height, line_size // 4, 4)[:, :width, 2::-1]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT_S)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Window:
    """A Blender with the extension from an installed zip, told about by startup.py."""

    def __init__(
        self, screen: Screen, blender: str, folder: Path, environment: dict[str, str], file: Path | None = None
    ) -> None:
        """`folder` holds config.json; a second window in it goes on where the first one was closed."""
        self.screen, self.folder = screen, folder
        (folder / "state.json").unlink(missing_ok=True)
        width, height = SIZE
        command = [blender, "--window-geometry", "0", "0", str(width), str(height), *([str(file)] if file else [])]
        command += ["--python", str(Path(__file__).with_name("startup.py")), "--", str(folder)]
        self._log = (folder / "blender.log").open("ab")
        self.process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **environment, "DISPLAY": screen.display, "LIBGL_ALWAYS_SOFTWARE": "1"},
        )

    # What it shows and tells ------------------------------------------------------------------------------------------

    def state(self) -> dict | None:
        """What startup.py told last; None before its first word."""
        try:
            return json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _told(self) -> dict:
        """The last state, once there has been one."""
        state = self.state()
        assert state is not None
        return state

    def wait_for(self, condition: Callable[[dict], bool], what: str) -> dict:
        """The first state that fulfils `condition`; fails with a picture of the window after LIMIT_S."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            state = self.state()
            if state is not None and condition(state):
                return state
            assert self.process.poll() is None, f"Blender ended before: {what}\n{self.log()}"
            if time.monotonic() > deadline:
                picture = self.folder / "failed.png"
                cv2.imwrite(str(picture), self.screen.picture()[:, :, ::-1])
                raise AssertionError(f"not within {LIMIT_S:g} s: {what} (see {picture})\n{state}\n{self.log()}")
            time.sleep(0.1)

    def log(self) -> str:
        """What Blender printed."""
        return (self.folder / "blender.log").read_text(encoding="utf-8", errors="replace")

    def buttons(self) -> list[Rectangle]:
        """Enabled buttons of operators in the sidebar, from top to bottom; seen twice, as drawing takes its time."""
        self.wait_for(lambda state: state["drawn_job"] == state["job"]["state"], "the panel is up to date")
        before: list[Rectangle] = []
        while True:
            time.sleep(0.5)
            now = self._find_buttons()
            if now == before:
                return now
            before = now

    def _find_buttons(self) -> list[Rectangle]:
        """By their colour."""
        left, top, right, bottom = self._told()["regions"][0]
        region = self.screen.picture()[top:bottom, left:right]
        mask = np.all(region == MAGENTA, axis=2).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        found = [(left + x, top + y, width, height) for x, y, width, height, area in boxes[1:].tolist() if area > 100]
        return sorted(found, key=lambda box: (box[1], box[0]))

    # What a hand does -------------------------------------------------------------------------------------------------

    def click(self, rectangle: Rectangle) -> None:
        """A left click into the middle of a button."""
        left, top, width, height = rectangle
        self.point(left + width // 2, top + height // 2)

    def point(self, x: int, y: int) -> None:
        """A left click there. Each part waits for Blender's loop, since a click that comes while Blender is busy counts
        where the pointer is by then."""
        for act in (("mousemove", x, y), ("click", 1), ("mousemove", *NOWHERE)):
            self.screen.hand(*act, "sleep", 0.2)
            self._let_it_turn()

    def _let_it_turn(self) -> None:
        """Wait until Blender has told of itself twice anew: then it has taken what was done before."""
        for _ in range(2):
            self.wait_for(partial(self._has_told_since, self._told_at()), "Blender's loop turns")

    def _told_at(self) -> int:
        return (self.folder / "state.json").stat().st_mtime_ns

    def _has_told_since(self, time_ns: int, _state: dict) -> bool:
        return self._told_at() != time_ns

    def click_step(self, operator: str) -> None:
        """Click the button of one of the panel's four steps, once it can be clicked."""
        self.wait_for(lambda state: operator in state["big_buttons"], f"{operator} can be clicked")
        big = [box for box in self.buttons() if box[3] > BIG_BUTTON_PX]
        order = self._told()["big_buttons"]
        assert len(big) == len(order), f"the window shows {len(big)} of the buttons {order}"
        self.click(big[order.index(operator)])

    def click_icon(self, index: int) -> None:
        """Click one of the sidebar's buttons that show an icon alone, counted from the top."""
        self.click([box for box in self.buttons() if box[2] < WIDE_BUTTON_PX][index])

    def click_wide(self, index: int) -> None:
        """Click one of the sidebar's low buttons with a text, counted from the top."""
        wide = [box for box in self.buttons() if box[2] >= WIDE_BUTTON_PX and box[3] <= BIG_BUTTON_PX]
        self.click(wide[index])

    def key(self, *keys: str) -> None:
        """Press keys over the 3D view."""
        for act in (("mousemove", *NOWHERE), ("key", *keys)):
            self.screen.hand(*act, "sleep", 0.2)
            self._let_it_turn()

    def show_tab(self) -> None:
        """Turn the sidebar to the Talker tab, the last one, with the wheel and Ctrl."""
        left, top, right, bottom = self.wait_for(lambda state: True, "the window tells of itself")["regions"][0]
        self.screen.hand("mousemove", (left + right) // 2, (top + bottom) // 2, "sleep", 0.3, "keydown", "ctrl")
        for _ in range(TABS):
            self.screen.hand("click", 5, "sleep", 0.2)
        self.screen.hand("keyup", "ctrl", "mousemove", *NOWHERE)
        self.wait_for(lambda state: state["drawn_job"] is not None, "the sidebar shows the Talker tab")

    def execute(self, code: str) -> None:
        """Run Python inside Blender, where a story needs something that is not under test."""
        temporary = self.folder / "command.partial"
        temporary.write_text(code, encoding="utf-8")
        temporary.replace(self.folder / "command.py")
        self.wait_for(lambda state: not (self.folder / "command.py").exists(), "the command is run")
        error = self.folder / "command.error"
        assert not error.exists(), error.read_text(encoding="utf-8")

    def quit(self) -> int:
        """Close Blender with Ctrl+Q; its exit status. The file must be saved, or it would ask."""
        self.screen.hand("mousemove", *NOWHERE, "sleep", 0.3, "key", "ctrl+q")
        return self.process.wait(LIMIT_S)

    def close(self) -> None:
        """End it, however it stands."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT_S)
        self._log.close()
