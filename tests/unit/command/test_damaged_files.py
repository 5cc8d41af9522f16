"""Every file of a subject, a model and a take, damaged in every way: one line that says which, or it is made again."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.command.verbs import VERBS
from backend.deliver.render import render
from backend.media.audio import save_wav
from backend.settings import RenderSettings, SpeechSettings
from backend.subject.subject import Subject
from backend.train.trainer import train
from shared import layout
from shared.errors import EXIT_CALLER, InputError
from shared.files import explained
from shared.jobs import Reporter
from shared.training import Start
from tests.support.synthetic_subject import TINY, blob_face, make_subject

pytestmark = pytest.mark.slow  # together

SHORT = replace(TINY, steps=2, model="m", speech=SpeechSettings(steps=2), start=Start.ANEW)
RATE = 16000
SUBJECT_FILES = (
    *("subject.json", "track.npz", "audio_features.npz", "background.png"),
    *("frames/000002.png", "regions/000003.png"),
)
MODEL_FILES = ("config.json", "portrait.safetensors", "speech.safetensors")
TAKE_FILES = (
    *("manifest.json", "voice.json", "camera.json", "performance.json", "audio.wav", "preview.mp4"),
    *("contact_sheet.png", "head.000001.exr"),
)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\x00no such thing" * 50)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGES = [cut, empty, garble, folder] + ([] if sys.platform == "win32" else [pipe, endless])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a subject, a model of it, a line and its take."""
    root = tmp_path_factory.mktemp("made")
    patch = pytest.MonkeyPatch()
    patch.setattr("backend.train.data.load_canonical_face", lambda models_dir=None: blob_face())
    subject = make_subject(root / "anna", 30)
    train(subject, SHORT, Reporter())
    save_wav(root / "line.wav", np.random.default_rng(0).standard_normal(RATE // 5).astype(np.float32) * 0.1, RATE)
    render_line(root)
    yield root
    patch.undo()


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def render_line(root: Path) -> None:
    render(Subject.open(root / "anna"), root / "line.wav", root / "take", RenderSettings(threads=1), Reporter())


def one_line(call: Callable[[], object]) -> str:
    """What a call is refused with; "" where it is not."""
    try:
        call()
    except (InputError, OSError) as error:
        told = explained(error) if isinstance(error, OSError) else error  # as command and job do
        assert told.exit_status == EXIT_CALLER
        assert told.what and told.do and "\n" not in told.what + told.do
        return told.what
    return ""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", SUBJECT_FILES)
def test_a_damaged_file_of_a_subject_is_named_by_a_training(copy, name, damage):
    shutil.rmtree(copy / "anna" / layout.CACHE_FOLDER)
    damage(copy / "anna" / name)
    said = one_line(lambda: train(Subject.open(copy / "anna"), SHORT, Reporter()))
    assert said
    assert Path(name).name in said or "is not a subject folder" in said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_damaged_file_of_a_model_is_named_by_a_render(copy, name, damage):
    model = layout.model_folder(copy / "anna", "m")
    damage(model / name)
    said = one_line(lambda: render_line(copy))
    if not said:
        assert name == "speech.safetensors" and (model / name).is_file() and not (model / name).is_symlink()
    else:
        assert name in said or "holds no trained model" in said or str(model) in said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", TAKE_FILES)
def test_a_damaged_file_of_a_take_is_made_again_or_named(copy, made, name, damage):
    damage(copy / "take" / name)
    said = one_line(lambda: render_line(copy))
    if said:
        assert name in said
    elif name.startswith("head"):
        assert (copy / "take" / name).read_bytes() == (made / "take" / name).read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "heard.npy", "speech.safetensors"])
def test_a_training_that_is_gone_on_with_names_what_is_damaged(copy, name, damage):
    damage(layout.model_folder(copy / "anna", "m") / name)
    more = replace(SHORT, start=Start.MORE)
    said = one_line(lambda: train(Subject.open(copy / "anna"), more, Reporter()))
    assert not said or name in said or "checkpoint" in said


@pytest.mark.parametrize("option", ["pose", "performance"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_poses_and_curves_that_are_no_files_are_refused(copy, option, damage):
    given = copy / "given.json"
    given.write_text("{}")
    damage(given)
    line = {"subject": copy / "anna", "audio": copy / "line.wav", "out": copy / "other", option: given}
    said = one_line(lambda: VERBS["render"]({name: str(path) for name, path in line.items()}, Reporter()))
    assert "given.json" in said
    assert not (copy / "other").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"audio": "notes.txt"}, {"audio": "."}, {"render.fps": "0"}, {"render.frames": "x"},
        {"render.pose": "none.json"}, {"render.performance": "none.json"}, {"train.model": "../away"},
        {"train.model": ""}, {"out": "a\0b"},
        {"preprocess.size": -5}, {"preprocess.input_colour": "zzz"}, {"train.steps": 0}, {"render.strength": -1.0},
    ],
)  # fmt: skip
def test_what_a_run_cannot_end_with_is_refused_before_it_begins(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no sound")
    save_wav(tmp_path / "line.wav", np.zeros(RATE, np.float32), RATE)
    begun: list[int] = []
    monkeypatch.setattr("backend.command.verbs._preprocess", lambda *arguments: begun.append(1))
    own = {name: value for name, value in wrong.items() if "." not in name}
    arguments = {"footage": "clip.mp4", "audio": "line.wav", "out": "out"} | own
    settings = {name: value for name, value in wrong.items() if "." in name}
    assert one_line(lambda: VERBS["run"]({**arguments, "set": settings}, Reporter()))
    assert not begun and not (tmp_path / "out").exists()
