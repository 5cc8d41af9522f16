"""What an artist does with clicks and keys, in a real window of Blender with a real backend that pretends to work."""

import json
import os
import signal
import sys
import time

import pytest

from tests.gui import driver

STALL_S = 10.0
TURN_MS = 50.0
"""The add-on may hold no turn of Blender's loop for longer."""
FAKE_SETUP = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("Making the environment", flush=True)
for number in range(1, 601):
    print(f"  package {number} of 600: one-{child.pid}", flush=True)
    time.sleep(0.2)
"""
"""A set-up that takes two minutes, and has a child, whose process id it says."""


def stored_jobs(story) -> dict[str, str]:
    """State of every job as the backend has written it, by verb."""
    jobs = [json.loads(path.read_text(encoding="utf-8")) for path in (story / "state" / "jobs").glob("*.json")]
    return {job["verb"]: job["state"] for job in jobs}


def start_slow_training(window, story) -> dict:
    """Click Train on a subject whose training takes ten minutes; the state once it is under way."""
    (story / "subject" / "slow").touch()
    window.click_step("talker.train")
    return window.wait_for(lambda state: state["job"]["step"] > 2, "the training is under way")


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + driver.LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {driver.LIMIT_S:g} s: {what}"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_escape_ends_the_training_and_blender_goes_on_answering_keys(window, story):
    state = start_slow_training(window, story)
    assert "TALKER_OT_train" in state["modal"] and stored_jobs(story) == {"train": "RUNNING"}
    window.key("Escape")
    state = window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")
    assert state["job"]["step"] < state["job"]["total"]
    assert stored_jobs(story) == {"train": "CANCELLED"}
    window.wait_for(lambda state: "TALKER_OT_train" not in state["modal"], "the operator has ended")
    assert state["hidden"] == []
    window.key("h")
    window.wait_for(lambda state: state["hidden"] == ["Cube"], "the selected cube is hidden by its key")


def test_escape_during_playback_stops_the_playback_alone(window, story):
    start_slow_training(window, story)
    window.key("space")
    window.wait_for(lambda state: state["playing"], "the timeline plays")
    window.key("Escape")
    state = window.wait_for(lambda state: not state["playing"], "the timeline stands")
    assert state["job"]["state"] == "RUNNING"


def test_the_panels_cross_cancels_the_job(window, story):
    start_slow_training(window, story)
    window.click_icon(1)  # the first one stops the backend
    window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")
    assert stored_jobs(story) == {"train": "CANCELLED"}


def test_a_line_is_rendered_and_brought_back_and_one_undo_takes_it_all_away(window, story):
    before = window.state()["objects"]
    window.click_step("talker.render_line")
    state = window.wait_for(lambda state: state["take"], "the take is known to the scene")
    assert state["take"] == str(story / "lines" / "hello")
    assert (state["objects"], state["strips"]) == (before, [])
    window.click_step("talker.bring_back")
    state = window.wait_for(lambda state: state["strips"], "the take is on the timeline")
    assert {"SOUND", "MOVIE"} <= set(state["strips"])
    assert {"Talker Camera hello", "Talker Head hello", "Talker Performance"} <= set(state["objects"])
    window.key("ctrl+z")
    state = window.wait_for(lambda state: not state["strips"], "the take is gone from the timeline")
    assert state["objects"] == before
    window.key("ctrl+shift+z")
    state = window.wait_for(lambda state: state["strips"], "the take is back")
    assert "Talker Camera hello" in state["objects"]


def turns_of(window, seconds: float, begin=lambda: None) -> dict:
    """How long the turns of the window's loop are while `seconds` go by (startup.Turns)."""
    window.execute("turns.reset()")
    begin()
    time.sleep(seconds)
    return window.state()["turns"]


def test_a_stalled_backend_holds_no_turn_of_the_loop(window, story):
    """Ten seconds with a backend that the system has stopped, and ten in which it is missed, beside ten at rest."""
    idle = turns_of(window, STALL_S)
    start_slow_training(window, story)
    working = turns_of(window, STALL_S)
    pid = json.loads((story / "state" / "backend.ready.json").read_text(encoding="utf-8"))["pid"]
    try:
        stalled = turns_of(window, STALL_S, lambda: os.kill(pid, signal.SIGSTOP))
        window.wait_for(lambda state: state["job"]["backend"] == "LOST", "the backend is missed")
        missed = turns_of(window, STALL_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    window.wait_for(lambda state: state["job"]["backend"] == "READY", "the backend is found again")
    print(f"\nidle    {idle}\nworking {working}\nstalled {stalled}\nmissed  {missed}")
    for turns in (working, stalled, missed):
        assert turns["count"] > 100
        assert max(turns["own_ms"].values()) < TURN_MS, turns
    for turns in (stalled, missed):
        assert turns["p99_ms"] < max(TURN_MS, 2 * idle["p99_ms"]), (idle, turns)
        assert turns["longest_ms"] < TURN_MS + 2 * idle["longest_ms"], (idle, turns)
    window.key("Escape")
    window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")


def test_the_panel_offers_the_next_step_as_soon_as_a_job_has_ended(window, story):
    (story / "subject" / "models" / "m2dao" / "config.json").unlink()
    window.wait_for(lambda state: "talker.render_line" not in state["big_buttons"], "there is no model")
    window.click_step("talker.train")
    window.wait_for(lambda state: state["job"]["state"] == "DONE", "the training is done")
    window.wait_for(lambda state: "talker.render_line" in state["big_buttons"], "a line can be rendered")


def test_a_job_is_shown_on_when_the_file_is_opened_again(window, story):
    job = start_slow_training(window, story)["job"]
    window.execute(f"bpy.ops.wm.open_mainfile(filepath={str(story / 'shot.blend')!r})")
    state = window.wait_for(lambda state: state["job"]["step"] > job["step"] + 5, "the training goes on and is shown")
    assert (state["job"]["job_id"], state["job"]["state"]) == (job["job_id"], "RUNNING")
    assert "TALKER_OT_train" not in state["modal"]
    window.click_icon(1)
    window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")


def test_the_steps_that_will_not_follow_are_named_when_another_file_is_opened(window, story):
    (story / "clip.mp4").write_bytes(b"film")
    (story / "subject" / "slow").touch()
    window.execute(
        f"bpy.context.scene.talker.footage = {str(story / 'clip.mp4')!r}\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(story / 'shot.blend')!r})\n"
    )
    window.click_wide(0)
    window.wait_for(lambda state: state["job"]["verb"] == "train" and state["job"]["step"] > 2, "the training")
    assert window.state()["left"] is None
    window.execute(f"bpy.ops.wm.open_mainfile(filepath={str(story / 'shot.blend')!r})")
    state = window.wait_for(lambda state: state["left"], "what will not follow is said")
    assert state["left"][0] == "Do It All lost its file or window: train goes on, render will not follow."
    assert state["modal"] == []
    window.click_icon(1)
    window.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")


def test_a_job_outlives_its_blender_and_the_next_blender_shows_it(window, open_window, story):
    job = start_slow_training(window, story)["job"]
    window.execute("bpy.ops.wm.save_mainfile()")
    assert window.quit() == 0
    assert stored_jobs(story) == {"train": "RUNNING"}
    later = open_window(story / "shot.blend")
    state = later.wait_for(lambda state: state["job"]["step"] > job["step"], "the next Blender shows the training")
    assert (state["job"]["job_id"], state["job"]["state"]) == (job["job_id"], "RUNNING")
    later.click_icon(1)
    later.wait_for(lambda state: state["job"]["state"] == "CANCELLED", "the training is cancelled")


@pytest.fixture
def not_installed(window, story):
    """The window of a Blender whose backend is not installed, with a set-up that takes its time."""
    package = story / "extension" / "shared" / "setup"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "__main__.py").write_text(FAKE_SETUP, encoding="utf-8")
    window.execute(
        "import os, types; from pathlib import Path\n"
        "place = module('backend_place')\n"
        "del os.environ[place.PYTHON_VARIABLE]\n"
        f"place.EXTENSION_ROOT = Path({str(package.parents[1])!r})\n"
        f"module('client.installation').sys = types.SimpleNamespace(executable={sys.executable!r}, platform='linux')\n"
    )
    return window


def test_install_backend_starts_streams_and_is_cancelled_by_escape(not_installed):
    not_installed.click_wide(0)
    state = not_installed.wait_for(
        lambda state: state["installation"] and state["installation"]["packages"][0] > 2, "packages are installed"
    )
    assert state["installation"]["lines"][0] == "Making the environment"
    assert "TALKER_OT_install_backend" in state["modal"]
    child = int(state["installation"]["lines"][-1].rsplit("-", 1)[1])
    assert is_alive(child)
    not_installed.key("Escape")
    state = not_installed.wait_for(lambda state: state["installation"] is None, "the installation has ended")
    assert "cancelled" in state["installation_error"]
    wait_until(lambda: not is_alive(child), "the set-up's own child has ended too")
    not_installed.wait_for(lambda state: "TALKER_OT_install_backend" not in state["modal"], "the operator has ended")


def test_an_installation_goes_on_when_the_window_that_began_it_is_closed(not_installed):
    not_installed.execute(
        "bpy.ops.screen.userpref_show()\n"
        "window = bpy.context.window_manager.windows[-1]\n"
        "with bpy.context.temp_override(window=window, area=window.screen.areas[0]):\n"
        "    bpy.ops.talker.install_backend('INVOKE_DEFAULT')\n"
    )
    state = not_installed.wait_for(lambda state: state["installation"] and state["windows"] == 2, "it is begun")
    not_installed.execute(
        "with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):\n"
        "    bpy.ops.wm.window_close()\n"
    )
    closed = not_installed.wait_for(lambda state: state["windows"] == 1, "the preferences are closed")
    assert closed["modal"] == []
    reached = closed["installation"]["packages"][0]
    state = not_installed.wait_for(
        lambda state: state["installation"]["packages"][0] > reached + 3, "the installation is shown on"
    )
    not_installed.click_wide(0)
    state = not_installed.wait_for(lambda state: state["installation"] is None, "the installation has ended")
    assert "cancelled" in state["installation_error"]
