"""Blender's loop never waits: timers, operators of a window, and drawing, with a backend that stalls or is stopped.

Background mode runs no loop. Here its turns are taken by hand, and in them each way to wait raises
(tests.support.no_waiting).
"""

import contextlib
import os
import signal
import sys
import time
import types
from pathlib import Path

import pytest

from tests.support.no_waiting import Turns, Waited

LIMIT_S = 60.0
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")
TIMER = types.SimpleNamespace(type="TIMER", value="NOTHING")


class Counting:
    """Stands in for a region or an area: counts the redraws that it is asked for."""

    def __init__(self, kind, regions=()):
        self.type, self.regions, self.redraws = kind, regions, 0

    def tag_redraw(self):
        self.redraws += 1


class Manager:
    """Stands in for the window manager of a Blender with a window; what it shows of jobs is the real one's."""

    def __init__(self, real):
        self.talker_job = real.talker_job
        self.sidebar, self.view, self.header = Counting("UI"), Counting("WINDOW"), Counting("HEADER")
        self.preferences = Counting("PREFERENCES")
        areas = [Counting("VIEW_3D", (self.view, self.sidebar, self.header)), self.preferences, Counting("OUTLINER")]
        self.areas = areas
        self.windows = [types.SimpleNamespace(screen=types.SimpleNamespace(areas=areas, is_animation_playing=False))]
        self.modal = []

    def event_timer_add(self, time_step, window):
        return (time_step, window)

    def event_timer_remove(self, timer):
        pass

    def modal_handler_add(self, operator):
        self.modal.append(operator)
        return True


@pytest.fixture
def windowed(addon, bpy, modules, monkeypatch):
    """A context of a Blender with a window, in which the add-on believes to be."""
    manager = Manager(bpy.context.window_manager)
    context = types.SimpleNamespace(
        window=manager.windows[0], window_manager=manager, scene=bpy.context.scene, preferences=bpy.context.preferences
    )
    stand_in = types.SimpleNamespace(
        app=types.SimpleNamespace(
            background=False, timers=bpy.app.timers, is_job_running=bpy.app.is_job_running, online_access=True
        ),
        types=bpy.types,
        context=context,
        data=bpy.data,
    )
    for module in (modules.operators_following, modules.operators_backend, modules.watch):
        monkeypatch.setattr(module, "bpy", stand_in)
    modules.watch.set_followed(False)
    monkeypatch.setattr(modules.watch._Watch, "has_joined", False)
    return context


@pytest.fixture
def turns():
    """Turns of Blender's loop; the clock is asked at the end."""
    turns = Turns()
    yield turns
    turns.check_clock()


@pytest.fixture
def operator(modules, windowed):
    """A function that makes an operator's body and invokes it as a click would, within a turn."""

    def invoke(turns, *names, base=None):
        body = type("Clicked", (base or modules.operators_jobs.RunsSteps,), {})()
        if names:
            body.steps = lambda: [getattr(modules.steps, name) for name in names]
        body.reports = []
        body.report = lambda level, text: body.reports.append((*level, text))
        body.outcome = turns.take(lambda: body.invoke(windowed, None))
        return body

    return invoke


def event_loop(body, context, modules):
    """One turn of Blender's loop: the operator's timer while it is modal, and the watch."""

    def turn():
        if body is not None and body.outcome == {"RUNNING_MODAL"}:
            outcome = body.modal(context, TIMER)
            if outcome != {"PASS_THROUGH"}:
                body.outcome = outcome
        modules.watch.turn()

    return turn


@contextlib.contextmanager
def stopped(place):
    """The backend's process, stopped by the system for a while."""
    from importlib import import_module

    ready = import_module("shared.ready").ReadyFile.read(place.ready_file)
    os.kill(ready.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(ready.pid, signal.SIGCONT)


@pytest.fixture
def talker(scene, tmp_path):
    """The scene's settings with a subject whose training takes its time."""
    (tmp_path / "subject").mkdir()
    (tmp_path / "subject" / "slow").touch()
    (tmp_path / "clip.mp4").write_bytes(b"film")
    scene.talker.subject, scene.talker.footage = str(tmp_path / "subject"), str(tmp_path / "clip.mp4")
    scene.talker.output = str(tmp_path / "lines")
    return scene.talker


def test_a_click_starts_the_backend_and_does_the_steps_without_waiting(
    connection, talker, modules, operator, windowed, turns
):
    (Path(talker.subject) / "slow").unlink()
    body = operator(turns, "PREPROCESS", "TRAIN")
    assert body.outcome == {"RUNNING_MODAL"}
    turns.take_until(event_loop(body, windowed, modules), lambda: body.outcome != {"RUNNING_MODAL"})
    assert body.outcome == {"FINISHED"}
    assert [text for _, text in body.reports][-1] == "Trained: m2dao."


@posix_only
def test_a_stalled_backend_holds_no_turn_of_the_operator_that_follows_its_job(
    addon, bpy, connection, talker, modules, operator, windowed, turns, monkeypatch
):
    monkeypatch.setattr(addon.shared.protocol, "HEARTBEAT_TIMEOUT_S", 3.0)
    body = operator(turns, "TRAIN")
    loop = event_loop(body, windowed, modules)
    job = windowed.window_manager.talker_job
    turns.take_until(loop, lambda: job.step > 1)
    words, before = set(), job.step

    def loop_and_look():
        loop()
        words.add(job.backend)

    with stopped(connection.session().place):
        end = time.monotonic() + 10.0
        turns.take_until(loop_and_look, lambda: time.monotonic() > end)
        turns.take(connection.cancel)
    assert words == {"READY", "LOST"}
    turns.take_until(loop, lambda: body.outcome != {"RUNNING_MODAL"})
    assert job.state == "CANCELLED" and before < job.total
    assert body.outcome == {"CANCELLED"}


@posix_only
def test_clicks_on_start_and_stop_of_a_stalled_backend_hold_no_turn(
    connection, modules, operator, windowed, turns, monkeypatch
):
    connection.connect()
    place = connection.session().place
    connection.close()
    monkeypatch.setattr(modules.client_link, "Stopping", lambda p: modules.client_process.Stopping(p, timeout_s=1.0))
    job = windowed.window_manager.talker_job
    start = modules.operators_backend.StartsBackend
    with stopped(place):
        body = operator(turns, base=start)
        assert body.outcome == {"RUNNING_MODAL"}
        loop = event_loop(body, windowed, modules)
        turns.take_for(loop, 4.0)
        assert body.outcome == {"RUNNING_MODAL"} and job.backend == "LOST"
    turns.take_until(loop, lambda: body.outcome != {"RUNNING_MODAL"})
    assert body.outcome == {"FINISHED"} and connection.session().connected
    stop = modules.operators_backend.TALKER_OT_stop_backend.execute
    with contextlib.suppress(ProcessLookupError), stopped(place):
        assert turns.take(lambda: stop(types.SimpleNamespace(), windowed)) == {"FINISHED"}
        assert job.backend == "STOPPING"
        turns.take_until(event_loop(None, windowed, modules), lambda: job.backend == "")
    assert not modules.client_process.is_alive(place)


@posix_only
def test_a_blender_that_is_opened_beside_a_stalled_backend_starts_up_and_finds_its_job_later(
    connection, talker, modules, windowed, turns
):
    first = connection.submit("train", {"subject": talker.subject, "model": "m"})
    while not first.accepted:
        connection.session().poll_and_wait(0.05)
    place = connection.session().place
    connection.close()
    loop = event_loop(None, windowed, modules)
    with stopped(place):
        turns.take_for(loop, 4.0)
        assert connection.handle() is None
    turns.take_until(loop, lambda: connection.handle() is not None)
    assert connection.handle().id == first.id
    turns.take(connection.cancel)
    turns.take_until(loop, lambda: connection.handle().ended)


def test_a_turn_that_waits_is_noticed(bpy, modules, windowed, monkeypatch):
    monkeypatch.setattr(modules.connection, "poll", lambda: time.sleep(0.01))
    with pytest.raises(Waited):
        Turns().take(modules.watch.turn)


def test_leaving_a_backend_waits_for_no_more_than_a_moment(connection):
    connection.connect()
    connection.leave_for_good()
    assert connection.handle() is None


# Redraws -----------------------------------------------------------------------------------------------------------


def test_only_sidebars_are_redrawn_and_only_when_something_shown_has_changed(connection, modules, windowed):
    manager = windowed.window_manager
    modules.shown.clear(windowed)
    before = manager.sidebar.redraws
    job = connection.submit("train", {})
    modules.shown.show(windowed, job)
    assert manager.sidebar.redraws == before + 1
    for _ in range(50):
        modules.shown.show(windowed, job)
    assert manager.sidebar.redraws == before + 1
    job.messages.append("The mouth opens little.")
    modules.shown.show(windowed, job)
    assert manager.sidebar.redraws == before + 2
    assert (manager.view.redraws, manager.header.redraws) == (0, 0)
    assert [area.redraws for area in manager.areas] == [0, 0, 0]


def test_mere_progress_is_shown_twice_a_second_and_the_last_of_it_at_once(
    connection, modules, windowed, addon, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr(modules.shown, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    progress, states = addon.shared.jobs.Progress, addon.shared.jobs.JobState
    sidebar, shown = windowed.window_manager.sidebar, windowed.window_manager.talker_job
    modules.shown.clear(windowed)
    job = connection.submit("train", {})
    before = sidebar.redraws
    for step in range(1, 101):  # ten a second, for ten seconds
        job.info.progress = progress("train", step, 200, 0.1 * (200 - step))
        modules.shown.show(windowed, job)
        now[0] += 0.1
    assert sidebar.redraws - before in range(17, 22)
    job.info.progress = progress("train", 200, 200, 0.0)
    job.info.state = states.DONE
    modules.shown.show(windowed, job)
    assert (shown.step, shown.state) == (200, "DONE")


def test_the_status_bar_is_set_only_when_its_text_changes(modules, bpy, monkeypatch):
    texts: list[str | None] = []
    workspace = types.SimpleNamespace(status_text_set=texts.append)
    stand_in = types.SimpleNamespace(data=types.SimpleNamespace(workspaces=[workspace]))
    monkeypatch.setattr(modules.window, "bpy", stand_in)
    monkeypatch.setitem(modules.window._shown, "status", None)
    for text in (None, "train 1/9", "train 1/9", "train 1/9", "train 2/9", None, None):
        modules.window.set_status(text)
    assert texts == ["train 1/9", "train 2/9", None]


def test_a_job_that_is_not_followed_any_more_is_not_shown_as_running(connection, modules, windowed, addon):
    job = windowed.window_manager.talker_job
    job.state = "RUNNING"
    modules.shown.show_error(windowed, addon.shared.errors.InputError("The backend is lost.", "Start it."))
    assert (job.state, job.error_what) == ("", "The backend is lost.")


# Operators are whole when they are defined ---------------------------------------------------------------------------


def test_an_operator_without_its_steps_is_refused_when_it_is_defined(bpy, modules):
    with pytest.raises(TypeError, match="Half does not define steps"):
        type("Half", (modules.operators_jobs.RunsSteps, bpy.types.Operator), {})


def test_an_operator_without_its_parts_is_refused_with_all_their_names(bpy, modules):
    with pytest.raises(TypeError, match="Half does not define begin and advance and block"):
        type("Half", (modules.operators_following.FollowsJob, bpy.types.Operator), {})
