"""What the panel says of a job that runs, of one that has ended, and of what went wrong."""

import re
import types

import pytest

from tests.bpy.recorder import Recorder

EVERYTHING = ("PENDING", "RUNNING", "CANCELLING", "CANCELLED", "FAILED", "DONE")


@pytest.mark.parametrize("state", EVERYTHING)
def test_every_state_of_a_job_can_be_drawn(addon, bpy, draw, job, state):
    job.state, job.verb, job.phase, job.step, job.total, job.eta_s = state, "train", "training", 30, 600, 75.0
    job.preview, job.message = "/some/preview.png", "The mouth opens little."
    if state == "FAILED":
        addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("It broke.", "Try again."))
    text = draw()
    running = state in ("PENDING", "RUNNING", "CANCELLING")
    assert ("[talker.cancel_job]" in text) == running
    assert ("training 30/600, 1 min 15 s left" in text) == running
    assert ("It broke. Try again." in text) == (state == "FAILED")


@pytest.mark.parametrize("backend", ["", "STARTING", "READY", "LOST", "STOPPING"])
def test_the_backends_state_is_said(draw, job, backend):
    job.backend = backend
    words = {"": "not started", "STARTING": "starting", "READY": "ready", "LOST": "lost", "STOPPING": "stopping"}
    assert f"Backend: {words[backend]}" in draw()


def test_what_an_operator_had_to_leave_undone_is_shown_until_the_next_job(addon, bpy, draw, job):
    addon.jobs.shown.note_undone(bpy.context, "Do It All lost its file: render will not follow.", "Press it again.")
    assert "Do It All lost its file: render will not follow. Press it again." in draw()
    addon.jobs.shown.clear(bpy.context)
    assert "lost its file" not in draw()


@pytest.mark.parametrize(
    ("phase", "step", "total", "state", "words"),
    [
        ("", 0, 0, "PENDING", "Training: waiting for its turn"),
        ("", 0, 0, "RUNNING", "Training: getting ready"),
        ("prepare", 0, 0, "RUNNING", "Training: prepare"),
        ("train", 749, 3000, "RUNNING", "Training 749/3000, 1 min 10 s left"),
        ("train", 2, 3000, "RUNNING", "Training 2/3000"),
        ("train", 3000, 3000, "RUNNING", "Training 3000/3000"),
        ("train", 749, 3000, "CANCELLING", "Training 749/3000, 1 min 10 s left, cancelling"),
        ("prepare", 0, 0, "CANCELLING", "Training: prepare cancelling"),
    ],
)
def test_a_job_is_described_in_one_line(addon, bpy, job, phase, step, total, state, words):
    job.verb, job.phase, job.step, job.total, job.state, job.eta_s = "train", phase, step, total, state, 70.0
    assert addon.jobs.words.one_line(job) == words


def test_the_step_that_is_being_done_shows_its_bar_in_place_of_its_button(draw, job, scene, subject):
    scene.talker.subject = str(subject)
    assert "[talker.train]" in draw()
    job.state, job.verb, job.phase, job.step, job.total = "RUNNING", "train", "train", 30, 600
    text = draw()
    assert "[talker.train]" not in text and "[talker.preprocess]" in text
    assert text.count("30/600") == 1 and text.count("[talker.cancel_job]") == 2


def test_a_running_installation_shows_its_packages_and_the_way_to_end_it(addon, bpy, monkeypatch):
    running = types.SimpleNamespace(packages=(43, 55), last_line="package 43 of 55: scipy==1.17.1")
    monkeypatch.setattr(addon.operators.install_backend, "running", lambda: running)
    layout = Recorder(bpy)
    addon.ui.environment.draw(layout, bpy.context)
    text = " ".join(layout.texts)
    assert text == "43 of 55 packages package 43 of 55: scipy==1.17.1 [talker.cancel_install]"


def test_an_error_is_gone_with_its_cause(addon, bpy, draw, scene, job):
    def go_wrong():
        addon.jobs.shown.show_error(bpy.context, addon.bridge.strips.InputError("No such file.", "Choose another."))
        assert "No such file. Choose another." in draw()

    go_wrong()
    scene.talker.footage = "/another/clip.mp4"
    assert "No such file." not in draw()
    go_wrong()
    addon.jobs.shown.forget_error(bpy.context)
    assert "No such file." not in draw()
    go_wrong()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert "No such file." not in draw()


def test_a_cancelled_job_is_told_once_and_is_no_error(addon, bpy, draw, job):
    from_backend = addon.shared.jobs.JobInfo("a", "train", state=addon.shared.jobs.JobState.CANCELLED)
    from_backend.error = {"what": "The job was cancelled.", "do": "Start it again."}
    addon.jobs.shown.show(bpy.context, types.SimpleNamespace(info=from_backend, messages=[]))
    text = draw()
    assert text.count("ancelled") == 1 and "Training was cancelled. Start it again to continue." in text


def test_no_word_of_a_stopped_training_while_it_goes_on(draw, job, scene, subject, checkpoint):
    scene.talker.subject, scene.talker.preset = str(subject), "draft"
    checkpoint(progress=0.0, rounds=2)
    assert "stopped at 0% of a further round" in draw()
    job.state, job.verb, job.phase = "RUNNING", "train", "train"
    assert "stopped at" not in draw()


def test_what_stands_above_a_button_does_not_move_when_its_job_begins_or_ends(addon, bpy, draw, job, scene, subject):
    """Texts before each step's title: as many with a job as without one."""
    scene.talker.subject = str(subject)

    def lines_above(text):
        return len(
            re.findall(r"\[[^]]*\]|<[^>]*>|Backend: [a-z ]+|Training \d+%.*?(?= \[)", text.split("1  Footage")[0])
        )

    idle = draw()
    job.state, job.verb, job.phase, job.step, job.total, job.message = "RUNNING", "train", "train", 30, 600, "A notice."
    running = draw()
    assert lines_above(running) == lines_above(idle) + 1  # the cross beside the bar, in its row
    assert running.split("1  Footage")[1].split("2  Train")[0] == idle.split("1  Footage")[1].split("2  Train")[0]
    job.state = "DONE"
    assert lines_above(draw()) == lines_above(idle)


def test_a_picture_has_its_place_before_it_is_there(draw, job, scene, subject):
    scene.talker.subject = str(subject)
    job.state, job.verb, job.phase = "RUNNING", "train", "train"
    assert "How it looks so far" in draw()


def test_the_finished_heads_picture_makes_room_for_that_of_its_training(draw, job, scene, subject):
    scene.talker.subject = str(subject)
    assert "Not scored yet." in draw()
    job.state, job.verb, job.phase = "RUNNING", "train", "train"
    assert "Trained: m2dao" in draw() and "Not scored yet." not in draw()


def test_the_whole_job_has_one_bar_that_never_goes_back(addon, bpy, job):
    overall = addon.jobs.overall.Overall()
    done = [
        overall.update("a", "preprocess", *progress)
        for progress in (("decode", 0, 0), ("face", 5, 10), ("regions", 48, 48), ("regions", 1, 500), ("quality", 0, 0))
    ]
    assert done == sorted(done) and 0 <= done[0] and done[-1] < 1
    assert overall.update("a", "preprocess", "a phase of a later version", 1, 2) == done[-1]
    assert overall.update("b", "train", "train", 0, 0) < 0.5
    for verb, phases in addon.jobs.overall.PHASES.items():
        assert overall.update(verb, verb, phases[-1][0], 10, 10) == 1.0


def test_the_time_left_is_that_of_the_whole_job(addon, job, monkeypatch):
    monkeypatch.setattr(addon.jobs.overall.time, "time", lambda: 1100.0)
    assert addon.jobs.overall.left_s(0.25, 1000.0) == pytest.approx(300.0)
    assert addon.jobs.overall.left_s(0.01, 1000.0) < 0 and addon.jobs.overall.left_s(0.5, 1099.0) < 0
    job.verb, job.phase, job.overall, job.overall_eta_s = "train", "train", 0.25, 300.0
    job.chain_step, job.chain_steps = 2, 3
    assert addon.jobs.words.overall(job) == "2 of 3: Training, 25% of all, about 5 min 0 s left"


def test_of_several_jobs_in_a_row_the_time_left_is_that_of_all(addon, bpy, job, monkeypatch):
    overall, shown = addon.jobs.overall, addon.jobs.shown
    now = [1000.0]
    monkeypatch.setattr(overall.time, "time", lambda: now[0])
    shown.clear(bpy.context)
    shown.set_chain(bpy.context, 1, [1.0, 8.0, 1.0])
    shown.set_chain(bpy.context, 2, [1.0, 8.0, 1.0])
    now[0] = 1100.0
    info = addon.shared.jobs.JobInfo("a", "train", state=addon.shared.jobs.JobState.RUNNING, started_at=1090.0)
    info.progress = addon.shared.jobs.Progress("train", 30, 30)  # all of its last phase
    shown.show(bpy.context, types.SimpleNamespace(info=info, messages=[]))
    assert job.overall == pytest.approx(0.9) and job.overall_eta_s == pytest.approx(11.0)
    assert addon.jobs.words.overall(job) == "2 of 3: Training, 90% of all, about 11 s left"
    shown.clear(bpy.context)
    shown.show(bpy.context, types.SimpleNamespace(info=info, messages=[]))
    assert job.overall == 1.0 and job.chain_steps == 0


def test_a_steps_bar_says_which_phase_of_how_many_it_is(addon, draw, job):
    job.state, job.verb, job.phase, job.step, job.total = "RUNNING", "train", "learning speech", 3, 10
    assert addon.jobs.words.in_step(job) == "3 of 4: learning speech 3/10"
    assert "3 of 4: learning speech 3/10" in draw()
    for verb, phases in addon.jobs.overall.PHASES.items():
        assert addon.jobs.overall.phase_place(verb, phases[-1][0]) == (len(phases), len(phases))


def test_the_time_left_stands_still_while_nothing_is_told(addon, bpy, job, monkeypatch):
    overall, shown, now = addon.jobs.overall, addon.jobs.shown, [1100.0]
    redrawn: list[object] = []
    monkeypatch.setattr(overall.time, "time", lambda: now[0])
    shown.clear(bpy.context)
    info = addon.shared.jobs.JobInfo(
        "one of its own", "train", state=addon.shared.jobs.JobState.RUNNING, started_at=1000.0
    )
    info.progress = addon.shared.jobs.Progress("train", 1500, 3000)
    handle = types.SimpleNamespace(info=info, messages=[])
    shown.show(bpy.context, handle)
    left = job.overall_eta_s
    assert left > 0
    monkeypatch.setattr(addon.window, "redraw_sidebars", redrawn.append)
    monkeypatch.setattr(shown, "PROGRESS_S", 0.0)
    for now[0] in (1200.0, 1300.0):  # a backend that has stopped tells nothing
        shown.show(bpy.context, handle)
    assert job.overall_eta_s == left and redrawn == []
    info.progress = addon.shared.jobs.Progress("train", 1501, 3000)
    shown.show(bpy.context, handle)
    assert job.overall_eta_s > left and len(redrawn) == 1
