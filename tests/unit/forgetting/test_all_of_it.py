"""All that this program makes of a person is found, wherever a run was killed, and however it was made."""

import errno
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import av
import pytest

from backend.deliver.chunk import draw_chunk
from backend.export.export import export
from backend.forgetting import forget as forgetting
from backend.forgetting import journal, ours
from backend.forgetting.person import Person
from backend.media import mp4
from backend.preprocess import stage_run
from backend.serve.jobstore import JobStore
from backend.settings import RenderSettings
from backend.subject.claims import reading_claim
from shared import layout
from shared.errors import InputError
from shared.jobs import JobInfo, JobState, Reporter
from shared.scratch import PICTURES, scratch_folder
from tests.support.disc_stage import make_stage
from tests.support.forgotten import ID, SHA256, names, run
from tests.support.places import ROOT


@pytest.fixture
def chunks(project, monkeypatch):
    """A folder into which chunks were drawn of a person, and nothing else."""
    stage = project / "stage"
    stage.mkdir()
    subject, _, sound, _ = make_stage(stage, monkeypatch)
    subject.info.source_sha256 = SHA256
    subject.save_info()
    out = project / "anna" / "lines" / "drawn"
    draw_chunk(subject, sound, out, RenderSettings(frames="1:3", layers="exr"), Reporter())
    shutil.rmtree(stage)
    return out


def test_a_take_that_has_only_chunks_goes(project, chunks):
    assert names(chunks) >= {"chunks", "chunks/line.json", "chunks/head.000001.exr"}
    (chunks / "chunks" / "head.000004.exr.12.3.partial").write_bytes(b"half")
    assert run(project / "anna" / "subject", "--yes") == 0 and not chunks.exists()


def test_in_chunks_only_frames_and_their_record_go(project, chunks):
    kept = ("preview.mp4", "head.1.exr", "head.000001.mov", "notes.json", "manifest.json", "inner/head.000001.exr")
    (chunks / "chunks" / "inner").mkdir()
    for name in kept:
        (chunks / "chunks" / name).write_bytes(b"mine")
    (chunks / "head.000001.exr").write_bytes(b"mine")
    assert run(project / "anna" / "subject", "--yes") == 0
    left = {name for name in names(chunks) if (chunks / name).is_file()}
    assert left == {"head.000001.exr", *(f"chunks/{name}" for name in kept)}


def test_chunks_beside_a_finished_take_go_with_it(project, chunks):
    take = project / "anna" / "lines" / "one"
    shutil.move(chunks / "chunks", take)
    assert run(project / "anna" / "subject", "--yes") == 0 and not take.exists()


@pytest.mark.parametrize("name", ["chunks", "unfinished", "publishing"])
def test_a_folder_in_a_take_without_our_record_is_not_ours(project, name):
    take = project / "anna" / "lines" / "one"
    (take / name).mkdir()
    shutil.copy(take / "head.000001.exr", take / name)
    assert run(project / "anna" / "subject", "--yes") == 0
    assert names(take) == {name, f"{name}/head.000001.exr"}


def test_a_take_that_was_just_taking_its_place_goes(project):
    take = project / "anna" / "lines" / "one"
    (take / "publishing").mkdir()
    shutil.move(take / "preview.mp4", take / "publishing")
    (take / "publishing" / "removed.json").write_text("[]")
    assert run(project / "anna" / "subject", "--yes") == 0 and not take.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_chunks_are_never_reached_through_a_link(project, chunks, tmp_path):
    take, far = project / "anna" / "lines" / "one", tmp_path / "far"
    shutil.move(chunks / "chunks", far)
    (take / "chunks").symlink_to(far)
    (chunks / "chunks").symlink_to(far)
    before = names(far)
    assert run(project / "anna" / "subject", "--yes") == 0 and names(far) == before


def test_all_that_a_render_leaves_goes(project):
    """By what is really there: a new file of a take that forgetting does not know is found here."""
    for take in ("lines/one", "elsewhere/two"):
        folder = project / "anna" / take
        (folder / "signature.json").write_text("{}")
        assert ours.sort_take(folder, [folder], ID).others == []
    assert run(project / "anna" / "subject", "--takes", project, "--yes") == 0
    assert not (project / "anna" / "lines" / "one").exists() and not list((project / "anna" / "lines").iterdir())


def test_all_that_preprocessing_and_training_leave_is_known(project):
    subject = project / "anna" / "subject"
    (subject / "cache" / "preprocess").mkdir()
    for name in ("landmarks.npz", "damage.json", "scan.json", "sound.wav", "sync.json", "never_covered.npz"):
        (subject / "cache" / "preprocess" / name).write_bytes(b"")
    (subject / "cache" / "without_head_32_0a1b.npy").write_bytes(b"")
    model = subject / "models" / "disc"
    (model / "evaluation").mkdir(parents=True, exist_ok=True)
    for name in ("heard.npy", "speech.next.safetensors", "checkpoint.safetensors", ".tmpAb12Cd", "evaluation.png"):
        (model / name).write_bytes(b"")
    for name in ("scores.npz", "000010.footage.png", "000010.recorded.png"):
        (model / "evaluation" / name).write_bytes(b"")
    (subject / "frames" / "000001.png.77.5.partial").write_bytes(b"half")
    assert run(subject, "--yes") == 0 and not subject.exists()


def test_every_file_that_preprocessing_names_is_known(tmp_path):
    """Whoever adds a stage with a file of its own finds here that it has to go with the person."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "backend" / "preprocess").glob("*.py"))
    inner = {value for name, value in vars(stage_run).items() if name.endswith("_FILE")}
    told = {getattr(layout, name) for name in re.findall(r"layout\.(\w+_FILE)\b", code)}
    assert len(told) >= 9 and len(inner) >= 8
    (tmp_path / "cache" / "preprocess").mkdir(parents=True)
    for name in (*told, *(f"cache/preprocess/{name}" for name in inner)):
        (tmp_path / name).write_bytes(b"")
    assert ours.sort_subject(tmp_path).others == []


def test_every_file_that_the_addon_writes_beside_a_take_is_known():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "blender_addon").rglob("*.py"))
    written = {getattr(layout, name) for name in re.findall(r"layout\.beside\(\w+, layout\.(\w+)\)", code)}
    assert written == set(layout.TAKE_COMPANIONS)
    assert re.findall(r"\{\w+\.name\}\.\w+\.\w+\"", code) == [], "a file beside a take that layout does not name"


def test_a_manifest_of_an_older_version_is_known_by_the_subjects_id(project):
    take = project / "anna" / "lines" / "one"
    for folder, told in ((take, ID), (project / "berta" / "lines" / "one", "b" * 16)):
        (folder / "manifest.json").write_text(json.dumps({"schema": 1, "subject": told}))
    assert run(project / "anna" / "subject", "--takes", project, "--yes") == 0
    assert not take.exists() and (project / "berta" / "lines" / "one" / "manifest.json").exists()


def test_a_take_of_the_same_id_and_other_footage_stays(project):
    path = project / "anna" / "lines" / "one" / "manifest.json"
    values = json.loads(path.read_text())
    values["inputs"]["footage"]["sha256"] = ID + "0" * 48
    path.write_text(json.dumps(values))
    assert run(project / "anna" / "subject", "--yes") == 0 and path.exists()


def test_while_chunks_are_drawn_of_the_subject_nothing_is_removed(project, capsys):
    subject = project / "anna" / "subject"
    before = names(project)
    with reading_claim(subject, "drawn from", Reporter()), reading_claim(subject, "drawn from", Reporter()):
        assert run(subject, "--yes") == 2
    assert "is being drawn from by process" in capsys.readouterr().err and names(project) == before
    (subject / "drawn.0000.lock").write_text("of a process that was killed")
    assert run(subject, "--yes") == 0 and not subject.exists()


def everything(project, state, tmp_path):
    """Anna's takes far away that jobs alone know, exported, and jobs that name only those; what is to be left."""
    far = tmp_path / "far" / "take"
    shutil.copytree(project / "anna" / "elsewhere" / "two", far)
    store = JobStore(state, 100)
    out = tmp_path / "far" / "take.csv"
    export(far, out, Reporter())
    written = out.stat().st_mtime
    arguments = {"take": str(far), "out": str(out)}
    store.save(JobInfo("e", "export", arguments, JobState.DONE, started_at=written - 1, finished_at=written + 1))
    store.save(JobInfo("v", "verify", {"file": str(far / "preview.mp4")}, JobState.DONE))
    return far, out


@pytest.mark.parametrize("after", [*range(14), *range(14, 140, 14)])
def test_wherever_it_is_killed_the_next_run_finds_the_rest(project, state, tmp_path, monkeypatch, after):
    far, out = everything(project, state, tmp_path)
    subject = project / "anna" / "subject"
    unlink, done = Path.unlink, 0

    def killing(path, missing_ok=False):
        nonlocal done
        if path.name.endswith(".lock") or not path.exists():
            return unlink(path, missing_ok)
        done += 1
        if done > after:
            raise KeyboardInterrupt
        return unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killing)
        try:
            forgetting.forget(forgetting.plan(subject, [], [state]))
        except KeyboardInterrupt:
            assert run(subject, "--state-dir", state, "--dry-run") == 0, "it is still known who it is"
    if subject.exists():
        assert run(subject, "--state-dir", state, "--yes") == 0
    assert not subject.exists() and not far.exists() and not out.exists()
    assert not list(state.rglob("anna*")) and not {"e.json", "v.json"} & names(state / "jobs")
    assert str(subject) + "/" not in (state / "logs" / "backend.log").read_text()
    assert names(project / "anna") == {"anna.mp4", "line.wav", "lines", "elsewhere"}


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"takes": 5}', b'{"takes": [5, "x", "/\\u0000"]}'])
def test_a_damaged_note_of_where_takes_lie_hinders_nobody(project, content):
    subject = project / "anna" / "subject"
    (subject / layout.FORGETTING_FILE).write_bytes(content)
    assert run(subject, "--yes") == 0 and not subject.exists()


def test_a_note_of_where_takes_lie_proves_nothing(project):
    other = project / "berta" / "lines" / "one"
    journal.keep(Person.of(project / "anna" / "subject"), [other])
    before = names(other)
    assert run(project / "anna" / "subject", "--yes") == 0 and names(other) == before


def test_where_something_cannot_be_removed_it_is_said(project, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "no", str(path))

    found = forgetting.plan(project / "anna" / "subject", [], [])
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InputError):
        forgetting.forget(found)


def test_what_killed_exports_left_half_written_goes_or_is_named(project, state, tmp_path, capsys):
    anna = project / "anna"
    take, out = anna / "lines" / "one", tmp_path / "cut" / "one.mov"
    out.parent.mkdir()
    JobStore(state, 100).save(JobInfo("k", "export", {"take": str(take), "out": str(out)}, JobState.FAILED))
    known = out.with_name("one.mov.12.345.partial.mov")
    beside, mine = anna / "lines" / "two.mov.12.345.partial.mov", out.with_name("one.mov.partial")
    numbered = out.with_name("one.000007.ply.12.345.partial")
    JobStore(state, 100).save(
        JobInfo("n", "export", {"take": str(take), "out": str(out.with_name("one.######.ply"))}, JobState.FAILED)
    )
    for path in (known, beside, mine, numbered):
        path.write_bytes(b"half of a movie")
    assert run(anna / "subject", "--state-dir", state, "--yes") == 0
    assert not known.exists() and not numbered.exists() and beside.exists() and mine.exists()
    assert f"{beside} was left half-written by an export that was killed" in capsys.readouterr().out


def test_a_log_whose_lines_were_being_taken_out_leaves_nothing_half_written(project, state):
    (state / "logs" / "backend.log.7.8.partial").write_text("one\n")
    assert run(project / "anna" / "subject", "--state-dir", state, "--yes") == 0
    assert not list((state / "logs").glob("*.partial")) and "one" in (state / "logs" / "backend.log").read_text()


def test_a_movie_that_cannot_be_looked_into_for_want_of_memory_ends_it_before_anything_goes(
    project, state, tmp_path, monkeypatch, capsys
):
    movie = tmp_path / "line.mov"
    export(project / "anna" / "lines" / "one", movie, Reporter())
    before = names(tmp_path)

    def no_memory(path):
        raise av.error.MemoryError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path))

    monkeypatch.setattr(mp4, "opened", no_memory)
    assert run(project / "anna" / "subject", "--state-dir", state, "--takes", tmp_path, "--yes") == 2
    assert "memory" in capsys.readouterr().err and names(tmp_path) == before


def test_an_evaluation_that_was_not_finished_goes(project):
    model = project / "anna" / "subject" / "models" / "disc"
    for inner in ("unfinished", "publishing"):
        (model / "evaluation" / inner).mkdir(parents=True)
        for name in ("scores.npz", "000010.footage.png", "removed.json", "000011.static.png.7.8.partial"):
            (model / "evaluation" / inner / name).write_bytes(b"")
    assert run(project / "anna" / "subject", "--yes") == 0 and not model.exists()


@pytest.mark.parametrize("place", ["lines/one", "subject/frames", "subject/models"])
def test_a_forgetting_that_breaks_off_when_a_folder_is_to_go_is_ended_by_the_next(project, monkeypatch, place):
    folder = project / "anna" / place
    remove = Path.rmdir

    def failing(path):
        if path == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", failing)
        assert run(project / "anna" / "subject", "--yes") == 2
    assert folder.is_dir() and (project / "anna" / "subject" / layout.SUBJECT_FILE).is_file()
    assert run(project / "anna" / "subject", "--yes") == 0
    assert not folder.exists() and not (project / "anna" / "subject").exists()


def test_a_folder_of_a_take_into_which_somebody_put_a_file_meanwhile_stays(project, monkeypatch):
    take = project / "anna" / "lines" / "one"
    person = Person.of(project / "anna" / "subject")
    shutil.rmtree(take)
    (take / "notes").mkdir(parents=True)
    journal.keep(person, [take])
    assert run(project / "anna" / "subject", "--yes") == 0 and (take / "notes").is_dir()


def test_of_an_empty_folder_it_is_said_that_nothing_is_left(tmp_path, capsys):
    assert run(tmp_path, "--yes") == 2 and "nothing is left of a subject in it" in capsys.readouterr().err


def test_earlier_takes_of_a_line_go_with_the_person(project):
    """As the add-on keeps them (blender_addon/jobs/versions.py)."""
    take = project / "anna" / "lines" / "one"
    version = take.with_name("one.versions") / "0001"
    shutil.copytree(take, version)
    version.with_name("0001.line.json").write_text("{}")
    (take / "direction.json").write_text("{}")
    take.with_name("one.direction.json").write_text("{}")
    assert run(project / "anna" / "subject", "--yes") == 0
    assert not take.exists() and not version.exists()
    assert list(version.parent.iterdir()) == [] and not take.with_name("one.direction.json").exists()


def test_pictures_that_killed_live_heads_and_evaluations_left_go(project):
    with scratch_folder(PICTURES[0]) as living:
        left = [Path(tempfile.gettempdir()) / f"talker-{kind}-x1y2" for kind in PICTURES]
        for folder in left:
            (folder / "files").mkdir(parents=True)
            (folder / "owner.lock").write_text("4711")
            (folder / "files" / "picture.0").write_bytes(b"a face")
        assert run(project / "anna" / "subject", "--yes") == 0
        assert living.is_dir()
    assert not any(folder.exists() for folder in left)
