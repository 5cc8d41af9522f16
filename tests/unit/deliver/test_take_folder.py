"""What is not a take's own in its folder stays where it is, or the render is refused in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk
from backend.settings import RenderSettings
from shared import layout, pending
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage

FEW = "1-3"


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def render(stage, audio: Path | None = None, **options):
    subject, _, sound, out = stage
    return rendering.render(subject, audio or sound, out, RenderSettings(frames=FEW, **options), Reporter())


def chunk(stage, audio: Path | None = None, **options):
    subject, _, sound, out = stage
    return draw_chunk(subject, audio or sound, out, RenderSettings(frames=FEW, **options), Reporter())


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("run", [render, chunk])
@pytest.mark.parametrize("begun", [False, True], ids=["empty", "chunks"])
@pytest.mark.parametrize(
    "name", [*(name for name in layout.TAKE_FILES if name != layout.VOICE_FILE), "head.000001.png", "signature.json"]
)
def test_a_folder_without_our_manifest_keeps_what_a_take_would_replace(stage, run, begun, name):
    out = stage[3]
    if begun:
        chunk(stage)
    out.mkdir(exist_ok=True)
    (out / name).write_bytes(b'{"name": "mine"}')
    before = tree(out)
    with pytest.raises(InputError, match="not from here|another take"):
        run(stage)
    assert tree(out) == before


@pytest.mark.parametrize("run", [render, chunk])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_sound_that_is_the_takes_own_file_is_refused(stage, tmp_path, run, is_link):
    out = stage[3]
    render(stage)
    before = tree(out)
    sound = out / layout.AUDIO_FILE
    if is_link:
        (tmp_path / "link.wav").symlink_to(sound)
        sound = tmp_path / "link.wav"
    with pytest.raises(InputError, match="a file of the take itself"):
        run(stage, sound, take="line.wav")
    assert tree(out) == before


def test_a_sound_alone_in_the_folder_is_not_replaced(stage):
    _, _, sound, out = stage
    out.mkdir()
    own = out / layout.AUDIO_FILE
    own.write_bytes(sound.read_bytes())
    with pytest.raises(InputError, match="a file of the take itself"):
        render(stage, own)
    assert own.read_bytes() == sound.read_bytes() and os.listdir(out) == [layout.AUDIO_FILE]


@pytest.mark.parametrize("run", [render, chunk])
def test_poses_that_are_the_takes_own_file_are_refused(stage, run):
    render(stage)
    before = tree(stage[3])
    with pytest.raises(InputError, match="a file of the take itself"):
        run(stage, pose=str(stage[3] / layout.CAMERA_FILE))
    assert tree(stage[3]) == before


@pytest.mark.parametrize("name", [pending.PUBLISHING_FOLDER, pending.UNFINISHED_FOLDER])
@pytest.mark.parametrize("is_rendered", [False, True], ids=["new", "rendered"])
@pytest.mark.parametrize("is_link", [False, True], ids=["folder", "link"])
def test_a_folder_of_the_users_own_is_neither_moved_nor_emptied(stage, tmp_path, name, is_rendered, is_link):
    out = stage[3]
    if is_rendered:
        render(stage)
    out.mkdir(exist_ok=True)
    mine = tmp_path / "mine" if is_link else out / name
    mine.mkdir()
    for one in ("head.000002.exr", "grade.drx", "voice.json"):
        (mine / one).write_bytes(b"mine")
    if is_link:
        (mine / layout.MANIFEST_FILE).write_text(json.dumps({"take": "line.wav", "inputs": {}}))
        (mine / pending.REMOVED_FILE).write_text("[]")
        (out / name).symlink_to(mine, target_is_directory=True)
    before = tree(mine), tree(out)
    with pytest.raises(InputError, match="is a link|not from here"):
        render(stage, size=24)
    assert (tree(mine), tree(out)) == before


def test_what_a_user_put_beside_unfinished_frames_is_not_moved_with_them(stage, monkeypatch):
    out = stage[3]
    monkeypatch.setattr(rendering, "_draw", lambda *_: (_ for _ in ()).throw(InputError("The disk is full.")))
    with pytest.raises(InputError, match="disk is full"):
        render(stage)
    mine = out / pending.UNFINISHED_FOLDER / "grade.drx"
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match="not from here"):
        render(stage)
    assert mine.read_bytes() == b"mine"


def test_a_folder_in_which_only_half_written_files_were_left_is_gone_on_with(stage):
    unfinished = stage[3] / pending.UNFINISHED_FOLDER
    unfinished.mkdir(parents=True)
    (unfinished / f"{layout.MANIFEST_FILE}.12.34.partial").write_bytes(b"{")
    assert render(stage).rendered == 3


@pytest.mark.parametrize("said", [None, "", "{}", '["../x"]', "[1]"], ids=str)
def test_only_what_says_which_files_go_is_published(tmp_path, said):
    whole = tmp_path / pending.PUBLISHING_FOLDER
    whole.mkdir()
    (whole / "a.txt").write_text("mine")
    if said is not None:
        (whole / pending.REMOVED_FILE).write_text(said)
    with pytest.raises(InputError, match="not from here"):
        pending.settle(tmp_path)
    assert (whole / "a.txt").read_text() == "mine" and not (tmp_path / "a.txt").exists()


def test_an_empty_folder_is_what_a_killed_run_left_last(tmp_path):
    (tmp_path / pending.PUBLISHING_FOLDER).mkdir()
    pending.settle(tmp_path)
    assert os.listdir(tmp_path) == []
