"""The folder in which a subject is made: what it begins with, what counts as done, what is removed."""

from __future__ import annotations

import os
import shutil

import pytest

from backend.preprocess.working_folder import STAGES_FILE, WorkingFolder
from shared import layout
from shared.files import write_json
from shared.jobs import Reporter
from tests.support.synthetic_subject import FRAMES, make_subject

FOOTAGE = "0" * 64
"""What the synthetic subject says it is of."""


@pytest.fixture
def said():
    return []


@pytest.fixture
def report(said):
    return Reporter(lambda progress: said.append(progress.message))


@pytest.fixture
def subject(tmp_path):
    subject = make_subject(tmp_path / "anna")
    subject.info.stages = {"source": FOOTAGE, "frames": "key", "camera": "key"}
    subject.save_info()
    return subject


def test_nothing_but_pictures_is_shared_with_the_finished_subject(subject, report):
    folder = WorkingFolder(subject.root, FOOTAGE, report)
    shared = {
        path.relative_to(folder.path).parts[0]
        for path in folder.path.rglob("*")
        if path.is_file() and os.stat(path).st_nlink > 1
    }
    assert shared == {layout.FRAMES_FOLDER, layout.REGIONS_FOLDER}
    assert (folder.path / layout.TRACK_FILE).read_bytes() == (subject.root / layout.TRACK_FILE).read_bytes()


@pytest.mark.parametrize("damage", ["missing", "cut", "folder gone", "hole"])
def test_a_stage_whose_files_are_damaged_is_done_again_and_the_file_is_named(subject, report, said, damage):
    folder = WorkingFolder(subject.root, FOOTAGE, report)
    outputs = {"frames": [layout.FRAMES_FOLDER], "camera": [layout.TRACK_FILE]}
    assert all(folder.is_done(stage, "key", names) for stage, names in outputs.items())
    track, frames = folder.path / layout.TRACK_FILE, folder.path / layout.FRAMES_FOLDER
    stage, named = {
        "missing": ("camera", "track.npz"), "cut": ("camera", "track.npz"),
        "folder gone": ("frames", "frames"), "hole": ("frames", "frames/000002.png"),
    }[damage]  # fmt: skip
    if damage == "missing":
        track.unlink()
    elif damage == "cut":
        track.write_bytes(track.read_bytes()[:-10])
    elif damage == "folder gone":
        shutil.rmtree(frames)
    else:
        (frames / "000002.png").unlink()
    assert not folder.is_done(stage, "key", outputs[stage])
    assert said[-1] == f"{named} is missing or damaged: the stage {stage} is done again."


def test_what_an_unfinished_run_of_other_footage_left_is_removed_and_told(tmp_path, report, said):
    make_subject(tmp_path / "anna.partial")
    write_json(tmp_path / "anna.partial" / STAGES_FILE, {"source": "other"})
    folder = WorkingFolder(tmp_path / "anna", FOOTAGE, report)
    assert not (folder.path / layout.FRAMES_FOLDER).exists()
    assert f"{FRAMES} pictures" in said[-1] and "anna.partial" in said[-1]


def test_half_written_files_do_not_go_on_into_the_subject(tmp_path, report, said):
    WorkingFolder(tmp_path / "anna", FOOTAGE, report)
    left = tmp_path / "anna.partial" / "track.npz.12.0.partial"
    left.write_bytes(b"half")
    (tmp_path / "anna.partial" / "cache" / "preprocess" / "landmarks.npz.12.1.partial").write_bytes(b"half")
    folder = WorkingFolder(tmp_path / "anna", FOOTAGE, report)
    assert not list(folder.path.rglob("*.partial"))
    assert "track.npz (0.0 MB)" in said[-1] and "landmarks.npz (0.0 MB)" in said[-1]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_list_of_stages_begins_anew(tmp_path, report, content):
    WorkingFolder(tmp_path / "anna", FOOTAGE, report).finish("audio", "key")
    (tmp_path / "anna.partial" / STAGES_FILE).write_bytes(content)
    assert WorkingFolder(tmp_path / "anna", FOOTAGE, report).stages == {"source": FOOTAGE}
