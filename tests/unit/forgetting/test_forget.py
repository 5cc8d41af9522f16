"""Nothing of a person is left where the program made something of them; everything else is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.forgetting import forget as forgetting
from backend.serve.jobstore import JobStore
from shared import layout
from shared.claims import Claims
from shared.errors import InputError
from shared.locking import FileLock
from shared.places import addon_state_folders
from tests.support.forgotten import ID, names, run
from tests.support.places import ROOT


def test_nothing_names_the_person_afterwards_and_the_other_person_is_whole(project, state, tmp_path, capsys):
    other = {name: (project / "berta" / name) for name in names(project / "berta")}
    before = {name: path.read_bytes() for name, path in other.items() if path.is_file()}
    (tmp_path / "temporary" / "talker-1.log").write_text(f"Traceback: {project / 'anna' / 'subject'}")
    (tmp_path / "temporary" / "talker-2.log").write_text("Traceback: something else")
    subject = project / "anna" / "subject"
    assert run(subject, "--takes", project, "--state-dir", state, "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {part["what"] for part in told["removed"]} >= {"take", "subject with its models", "jobs and their logs"}
    assert told["id"] == ID and any("anna.mp4 is yours" in sentence for sentence in told["stays"])
    for place in (state, project, tmp_path / "temporary"):
        found = subprocess.run(["grep", "-rlE", f"{ID}|{subject}([^2]|$)", str(place)], capture_output=True, text=True)
        assert found.stdout == ""
    assert names(project / "anna") == {"anna.mp4", "line.wav", "lines", "elsewhere"}
    assert {name: path.read_bytes() for name, path in other.items() if path.is_file()} == before
    assert {path.name for path in (state / "jobs").glob("*.json")} >= {
        f"berta-{verb}.json" for verb in ("run", "verify")
    }
    assert not list(state.rglob("anna*")) and not (state / "jobs" / "old.damaged").exists()
    assert (state / "logs" / "backend.log").read_text() == f"one\nthree {subject}2\nfive\n"
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["talker-2.log"]
    assert run(subject, "--yes") == 2, "there is nobody any more"


def test_a_dry_run_removes_nothing_and_tells_the_same(project, state, capsys):
    before = names(project) | names(state)
    asked = [project / "anna" / "subject", "--takes", project, "--state-dir", state, "--json"]
    assert run(*asked, "--dry-run") == 0
    assert names(project) | names(state) == before
    would = json.loads(capsys.readouterr().out)["would_remove"]
    assert run(*asked, "--yes") == 0
    assert json.loads(capsys.readouterr().out)["removed"] == would


def test_without_a_yes_nothing_is_removed(project, monkeypatch, capsys):
    before = names(project)
    assert run(project / "anna" / "subject") == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr(
        "sys.stdin", type("Typed", (), {"isatty": lambda self: True, "readline": lambda self: "no\n"})()
    )
    assert run(project / "anna" / "subject") == 130
    assert "subject with its models" in capsys.readouterr().err and names(project) == before
    monkeypatch.setattr(
        "sys.stdin", type("Typed", (), {"isatty": lambda self: True, "readline": lambda self: "yes\n"})()
    )
    assert run(project / "anna" / "subject") == 0
    assert not (project / "anna" / "subject").exists()


def test_takes_are_known_from_jobs_and_beside_the_subject_without_being_named(project, state):
    shutil.move(project / "anna" / "elsewhere" / "two", project / "anna" / "elsewhere" / "three")
    assert run(project / "anna" / "subject", "--state-dir", state, "--yes") == 0
    assert names(project / "anna") >= {"elsewhere/three/preview.mp4"}, "nobody told of that one"
    assert not (project / "anna" / "lines" / "one").exists()


def test_a_take_that_any_job_names_is_found(project, state):
    assert run(project / "anna" / "subject", "--state-dir", state, "--yes") == 0
    assert not (project / "anna" / "elsewhere" / "two").exists()


@pytest.mark.parametrize("held", ["subject", "subject/models/disc", "subject/cache/frames_16_0.npy", "lines/one"])
def test_while_a_job_holds_any_of_it_nothing_is_removed(project, held, capsys):
    before = names(project)
    claims = Claims()
    assert claims.take([project / "anna" / held], "trained") is None
    try:
        assert run(project / "anna" / "subject", "--yes") == 2
    finally:
        claims.give_all_back()
    assert "is being trained by process" in capsys.readouterr().err
    assert names(project) == before


def test_a_running_backend_that_has_jobs_of_the_person_is_to_be_stopped_first(project, state, capsys):
    lock = FileLock(state / "backend.lock")
    assert lock.acquire()
    before = names(project)
    try:
        assert run(project / "anna" / "subject", "--state-dir", state, "--yes") == 2
        assert "A backend runs on" in capsys.readouterr().err and names(project) == before
        other = state.parent / "other"
        JobStore(other, 100)
        assert run(project / "anna" / "subject", "--state-dir", other, "--yes") == 0
    finally:
        lock.release()


def test_the_addons_state_folders_are_found(project, state, tmp_path, monkeypatch):
    place = tmp_path / "home" / "blender" / "4.5" / "extensions" / ".user" / "user_default" / "m2dao_talker"
    if sys.platform == "linux":
        place.mkdir(parents=True)
        shutil.move(state, place / "state")
        assert addon_state_folders() == [place / "state"]
        assert run(project / "anna" / "subject", "--yes") == 0
        assert not list((place / "state").rglob("anna*"))
    moved = tmp_path / "moved" / ".user" / "r" / "m2dao_talker" / "state"
    JobStore(moved, 1)
    monkeypatch.setenv("BLENDER_USER_EXTENSIONS", str(tmp_path / "moved"))
    assert moved in addon_state_folders()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_removed_and_never_followed(project, tmp_path, capsys):
    far = tmp_path / "far"
    far.mkdir()
    (far / "000001.png").write_bytes(b"a picture of somebody else")
    shutil.copytree(project / "anna" / "lines" / "one", far / "take")
    subject = project / "anna" / "subject"
    (subject / "models" / "linked").symlink_to(far)
    (subject / "frames" / "000099.png").symlink_to(far / "000001.png")
    shutil.rmtree(subject / "regions")
    (subject / "regions").symlink_to(far)
    (project / "anna" / "lines" / "linked").symlink_to(far / "take")
    before = names(far)
    assert run(subject, "--takes", project / "anna" / "lines", "--yes", "--json") == 0
    assert names(far) == before and not subject.exists()
    assert sum("What the link" in sentence for sentence in json.loads(capsys.readouterr().out)["stays"]) == 3
    (project / "link").symlink_to(project / "berta" / "subject")
    assert run(project / "link", "--yes") == 2
    assert "is a link to" in capsys.readouterr().err and (project / "berta" / "subject").is_dir()


def test_footage_and_what_others_put_there_stays(project, capsys):
    subject = project / "anna" / "subject"
    kept = [
        subject / "clip.mov", subject / "frames" / "take2.mp4", subject / "notes.txt", subject / "models" / "a.blend",
        project / "anna" / "lines" / "one" / "grade.drx", project / "anna" / "lines" / "one" / "unfinished" / "x.mov",
    ]  # fmt: skip
    (project / "anna" / "lines" / "one" / "unfinished").mkdir()
    shutil.copy(project / "anna" / "lines" / "one" / "manifest.json", kept[-1].parent)
    for path in kept:
        path.write_bytes(b"mine")
    assert run(subject, "--yes", "--json") == 0
    told = " ".join(json.loads(capsys.readouterr().out)["stays"])
    for path in kept:
        assert path.read_bytes() == b"mine" and str(path) in told
    assert names(subject) == {"clip.mov", "frames", "frames/take2.mp4", "notes.txt", "models", "models/a.blend"}
    assert names(project / "anna" / "lines") == {"one", "one/grade.drx", "one/unfinished", "one/unfinished/x.mov"}


def test_what_a_killed_run_left_is_enough_to_forget_by(project):
    shutil.rmtree(project / "anna" / "subject")
    assert run(project / "anna" / "subject", "--yes") == 0
    assert names(project / "anna") >= {"anna.mp4"} and not (project / "anna" / "subject.partial").exists()
    assert not (project / "anna" / "lines" / "one").exists()


def test_a_run_that_breaks_off_is_gone_on_with(project, monkeypatch):
    """Whatever cannot be removed: the next run still knows whose the rest is."""
    subject = project / "anna" / "subject"
    unlink, runs = Path.unlink, 0
    while subject.exists():
        done: list[Path] = []

        def failing(path, missing_ok=False, done=done):
            done.append(path)
            if len(done) == 9:
                raise PermissionError(13, "no", str(path))
            unlink(path, missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", failing)
            try:
                forgetting.forget(forgetting.plan(subject, [project / "anna"], []))
            except InputError:
                assert (subject / layout.SUBJECT_FILE).exists()
        runs += 1
    assert runs > 5
    assert names(project / "anna") == {"anna.mp4", "line.wav", "lines", "elsewhere"}


def test_what_is_no_subject_and_folders_that_are_not_there_are_refused(project, tmp_path, capsys):
    for wrong in (project, project / "nothing", project / "anna" / "anna.mp4", Path("/")):
        assert run(wrong, "--yes") == 2
    subject = project / "anna" / "subject"
    assert run(subject, "--takes", tmp_path / "nothing", "--yes") == 2
    assert run(subject, "--state-dir", tmp_path / "home", "--yes") == 2
    assert subject.is_dir() and "Traceback" not in capsys.readouterr().err


def test_what_run_leaves_around_a_subject_goes_with_it(project):
    anna = project / "anna"
    (anna / "report.json").write_text(json.dumps({"subject": str(anna / "subject")}))
    shutil.copy(anna / "lines" / "one" / "contact_sheet.png", anna / "contact_sheet.png")
    (project / "berta" / "report.json").write_text("{}")
    assert run(anna / "subject", "--yes") == 0
    assert not (anna / "report.json").exists() and not (anna / "contact_sheet.png").exists()
    assert run(project / "berta" / "subject", "--yes") == 0
    assert (project / "berta" / "report.json").exists(), "it does not say that it is of this subject"


def test_the_command_works_as_a_process_of_its_own(project):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "backend", "forget", str(project / "anna" / "subject"), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0 and "would be removed:" in done.stdout and "subject with its models" in done.stdout
