"""Frames drawn in chunks, by any number of processes at once: the take that is joined is one machine's, to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk, join
from backend.forgetting import forget as forgetting
from backend.media import exr
from backend.settings import RenderSettings
from backend.subject.claims import preprocessing_claim
from shared import layout, pending
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage
from tests.support.places import ROOT

COUNT = 26
"""Frames of the stage's line."""


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def draw(stage, frames: str | None, **options):
    subject, _, sound, out = stage
    return draw_chunk(subject, sound, out, RenderSettings(frames=frames, **options), Reporter())


def joined(stage, **changes):
    subject, _, sound, out = stage
    return join(out, changes, Reporter(), subject.root, sound)


def files(folder: Path) -> dict[str, bytes]:
    """What a take holds, but for the manifest's id and timings."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(found.pop(layout.MANIFEST_FILE))
    kept = {name: value for name, value in manifest.items() if name not in ("take_id", "timings_s")}
    kept["frames"]["drawn"] = kept["settings"]["frames"] = None
    return found | {layout.MANIFEST_FILE: json.dumps(kept).encode()}


def single(stage, folder: Path, **options) -> dict[str, bytes]:
    """The take as one render makes it."""
    subject, _, sound, _ = stage
    rendering.render(subject, sound, folder, RenderSettings(**options), Reporter())
    return files(folder)


@pytest.mark.parametrize("layers", ["exr", "png"])
def test_a_take_of_chunks_is_one_machines_to_the_bit(stage, tmp_path, layers):
    for frames in ("18-26", "1-9", "9:20"):
        draw(stage, frames, layers=layers)
    assert [path.name for path in stage[3].iterdir()] == [layout.CHUNKS_FOLDER]
    result = joined(stage)
    assert (result.rendered, result.kept, result.frames) == (0, COUNT, COUNT)
    assert files(stage[3]) == single(stage, tmp_path / "single", layers=layers)


def test_a_chunk_and_a_join_may_be_repeated_at_any_time(stage, tmp_path):
    assert draw(stage, "1-20").rendered == 20
    again = draw(stage, "10-26")
    assert (again.rendered, again.kept, again.first, again.last) == (6, 11, 10, 26)
    joined(stage)
    made = files(stage[3])
    assert draw(stage, "1-26").rendered == 0
    joined(stage)
    assert files(stage[3]) == made == single(stage, tmp_path / "single")


def test_a_join_names_the_frames_that_are_missing_and_keeps_those_that_are_there(stage):
    draw(stage, "1-4")
    draw(stage, "7-20")
    with pytest.raises(InputError, match=r"1:26 these are not there: 5:6, 21:26\."):
        joined(stage)
    assert (draw(stage, "1-8").rendered, draw(stage, "20-26").rendered) == (2, 6)
    assert joined(stage).rendered == 0


def test_some_frames_may_be_joined_to_a_take_of_their_own(stage, tmp_path):
    draw(stage, "5-9")
    assert joined(stage, frames="5-9").last == 9
    assert files(stage[3]) == single(stage, tmp_path / "single", frames="5:9")


def test_a_render_goes_on_from_chunks(stage, tmp_path):
    subject, _, sound, out = stage
    draw(stage, "3-12")
    assert rendering.render(subject, sound, out, RenderSettings(), Reporter()).kept == 10
    assert files(out) == single(stage, tmp_path / "single")


def test_chunks_drawn_at_once_wait_for_nobody_even_while_the_take_is_held(stage, tmp_path):
    _, portrait, _, out = stage
    both = threading.Barrier(2, timeout=60)
    plain = portrait.render

    def render(drive, index, size, **options):
        if index in (0, 10) and not portrait.drawn.count(index):
            both.wait()
        return plain(drive, index, size, **options)

    portrait.render = render
    with rendering.TakeFolder(out).claimed(Reporter()):
        threads = [threading.Thread(target=draw, args=(stage, frames)) for frames in ("1-10", "11-26")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    portrait.render = plain
    assert joined(stage).rendered == 0
    assert files(out) == single(stage, tmp_path / "single")


def test_the_same_chunk_twice_at_once_is_the_same_frames(stage, tmp_path):
    threads = [threading.Thread(target=draw, args=(stage, "1-26")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    joined(stage)
    assert files(stage[3]) == single(stage, tmp_path / "single")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork, which this system does not have")
def test_a_chunk_that_was_killed_is_repeated_and_leaves_nothing(stage, tmp_path, monkeypatch):
    plain = exr._write_checksum
    written: list[Path] = []

    def die_in_the_third_file(path):
        plain(path)
        written.append(path)
        if len(written) == 3:
            os._exit(9)

    child = os.fork()
    if child == 0:
        exr._write_checksum = die_in_the_third_file
        draw(stage, "1-10", threads=1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = [path.name for path in (stage[3] / layout.CHUNKS_FOLDER).iterdir()]
    assert any(".partial" in name for name in left)
    assert draw(stage, "1-10").kept == 2
    draw(stage, "11-26")
    joined(stage)
    assert files(stage[3]) == single(stage, tmp_path / "single")


def test_a_chunk_that_is_still_drawn_when_the_take_is_joined_harms_nothing(stage, tmp_path):
    """As on a farm that took a machine for dead and gave its chunk to another one."""
    _, portrait, _, out = stage
    plain = portrait.render
    drawn: list[int] = []

    def render(drive, index, size, **options):
        if not drawn:
            drawn.append(index)
            portrait.render = plain
            draw(stage, None)
            joined(stage)
        return plain(drive, index, size, **options)

    portrait.render = render
    draw(stage, "1-4", threads=1)
    assert files(out) == single(stage, tmp_path / "single")


def test_a_frame_that_a_join_has_cleared_away_while_it_was_written_is_looked_for_again(stage, tmp_path, monkeypatch):
    """Another one has drawn it as well, and joined the take: what is half-written of it went with the chunks."""
    _, _, _, out = stage
    plain = exr._write_checksum
    cleared: list[Path] = []

    def clear_once(path):
        plain(path)
        if not cleared:
            cleared.append(path)
            draw(stage, None)
            joined(stage)
            assert not path.exists()

    monkeypatch.setattr(exr, "_write_checksum", clear_once)
    assert draw(stage, "1-3", threads=1).rendered == 3
    monkeypatch.setattr(exr, "_write_checksum", plain)
    assert files(out) == single(stage, tmp_path / "single")


def test_a_chunk_that_is_drawn_while_others_are_joined_stays(stage, tmp_path, monkeypatch):
    """A join of some frames removes those that it has taken over, and no others."""
    _, _, _, out = stage
    draw(stage, "1-10")
    plain = rendering.TakeFolder.publish

    def draw_others_and_publish(folder, stale):
        monkeypatch.setattr(rendering.TakeFolder, "publish", plain)
        assert draw(stage, "11-18").rendered == 8
        plain(folder, stale)

    monkeypatch.setattr(rendering.TakeFolder, "publish", draw_others_and_publish)
    joined(stage, frames="1-10")
    assert len(list((out / layout.CHUNKS_FOLDER).glob("head.*.exr"))) == 8
    assert (draw(stage, "11-18").rendered, draw(stage, "19-26").rendered) == (0, 8)
    assert join(out, {}, Reporter()).rendered == 0, "the record is there still"
    assert files(out) == single(stage, tmp_path / "single")


def test_a_frame_that_is_drawn_at_the_moment_in_which_the_folder_goes_is_told_of(stage, monkeypatch):
    """The join has seen no frame, and removes the record; then there is one."""
    _, _, _, out = stage
    draw(stage, "1-3")
    plain = Path.rmdir

    def write_first(folder):
        if folder.name == layout.CHUNKS_FOLDER:
            (folder / "head.000026.exr").write_bytes(b"")
        plain(folder)

    monkeypatch.setattr(Path, "rmdir", write_first)
    joined(stage, frames="1-3")
    monkeypatch.setattr(Path, "rmdir", plain)
    left = {path.name for path in (out / layout.CHUNKS_FOLDER).iterdir()}
    assert left == {"head.000026.exr", layout.CHUNK_RECORD_FILE}
    assert draw(stage, "26").rendered == 1


@pytest.mark.parametrize("wrong", [{"size": 24}, {"layers": "png"}, {"strength": 0.5, "head_life": 0.0}])
def test_a_join_with_other_settings_is_refused_and_moves_nothing(stage, tmp_path, wrong):
    _, _, _, out = stage
    draw(stage, None)
    before = tree(out)
    with pytest.raises(InputError, match="are not there"):
        joined(stage, **wrong)
    assert tree(out) == before
    assert joined(stage).rendered == 0
    assert files(out) == single(stage, tmp_path / "single")


def test_a_render_with_other_settings_leaves_the_chunks_and_says_so(stage):
    subject, _, sound, out = stage
    draw(stage, None)
    said: list[str | None] = []
    report = Reporter(lambda progress: said.append(progress.message))
    rendering.render(subject, sound, out, RenderSettings(size=24), report)
    assert any(f"{COUNT} frames that this take does not hold" in (text or "") for text in said)
    assert join(out, {}, Reporter()).rendered == 0, "what was drawn in chunks is not lost"


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, links not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()
    }  # fmt: skip


def test_what_is_not_ours_among_the_chunks_stays(stage):
    _, _, _, out = stage
    draw(stage, None)
    chunks = out / layout.CHUNKS_FOLDER
    (chunks / "notes.txt").write_text("mine")
    (chunks / "versions").mkdir()
    (chunks / "versions" / "a.blend").write_bytes(b"mine")
    joined(stage)
    assert tree(chunks) == {"notes.txt": b"mine", "versions/a.blend": b"mine"}
    assert draw(stage, None).rendered == 0


@pytest.mark.parametrize("is_link", [True, False], ids=["link", "folder"])
def test_a_folder_of_that_name_that_is_not_ours_is_left_by_renders_and_refused_by_chunks(stage, tmp_path, is_link):
    subject, _, sound, out = stage
    mine = tmp_path / "mine" if is_link else out / layout.CHUNKS_FOLDER
    mine.mkdir(parents=True)
    for name in ("head.000001.exr", "head.000002.png", "plan.txt"):
        (mine / name).write_bytes(b"mine")
    if is_link:
        (mine / layout.CHUNK_RECORD_FILE).write_text(json.dumps({"take": "line.wav", "inputs": {}}))
        out.mkdir()
        (out / layout.CHUNKS_FOLDER).symlink_to(mine, target_is_directory=True)
    before = tree(mine)
    with pytest.raises(InputError, match="not from here|is a link"):
        draw(stage, "1-3")
    with pytest.raises(InputError, match="Nothing was drawn"):
        joined(stage)
    rendering.render(subject, sound, out, RenderSettings(frames="1-3"), Reporter())
    assert tree(mine) == before


def test_a_damaged_frame_is_drawn_again(stage, tmp_path):
    draw(stage, "1-5")
    frame = stage[3] / layout.CHUNKS_FOLDER / "head.000003.exr"
    data = bytearray(frame.read_bytes())
    data[-20] ^= 1
    frame.write_bytes(data)
    assert draw(stage, None).rendered == COUNT - 4
    joined(stage)
    assert files(stage[3]) == single(stage, tmp_path / "single")


def test_frames_that_are_just_taking_their_places_are_there(stage, tmp_path, monkeypatch):
    """As where the join was killed when the take was whole, and before its files were moved."""
    _, _, _, out = stage
    draw(stage, None)
    plain = pending.settle

    def settle(folder):
        if (folder / pending.PUBLISHING_FOLDER).exists():
            raise OSError(5, "killed")
        plain(folder)

    monkeypatch.setattr(pending, "settle", settle)
    with pytest.raises(InputError):
        joined(stage)
    monkeypatch.setattr(pending, "settle", plain)
    assert len(list((out / pending.PUBLISHING_FOLDER).glob("head.*.exr"))) == COUNT
    assert draw(stage, None).rendered == 0
    joined(stage)
    assert files(out) == single(stage, tmp_path / "single")


def test_a_record_has_nothing_of_the_machines_own_and_whole_paths(stage, tmp_path, monkeypatch):
    subject, _, sound, out = stage
    rendering.render(subject, sound, tmp_path / "first", RenderSettings(), Reporter())
    curves, camera = (tmp_path / "first" / name for name in (layout.PERFORMANCE_FILE, layout.CAMERA_FILE))
    monkeypatch.chdir(tmp_path)
    relative = {"performance": str(curves.relative_to(tmp_path)), "pose": str(camera.relative_to(tmp_path))}
    monkeypatch.setattr("backend.deliver.plan.configured_credentials", lambda settings: None)
    draw(
        stage, None, **relative, certificates="/etc/mine.pem", signing_key="/etc/mine.key", time_stamp_server="http://t"
    )
    record = out / layout.CHUNKS_FOLDER / layout.CHUNK_RECORD_FILE
    told = json.loads(record.read_text())
    assert not {"certificates", "signing_key", "time_stamp_server"} & set(told["settings"])
    assert "mine" not in record.read_text() and "http" not in record.read_text()
    assert (told["settings"]["performance"], told["settings"]["pose"]) == (str(curves), str(camera))
    record.write_text(json.dumps(told | {"settings": told["settings"] | {"signing_key": "/etc/other.key"}}))
    seen = []
    monkeypatch.setattr("backend.deliver.plan.configured_credentials", lambda settings: seen.append(settings))
    monkeypatch.chdir(tmp_path / "first")
    assert join(out, {}, Reporter()).rendered == 0
    assert [one.signing_key for one in seen] == [None]


def test_a_chunk_holds_its_subject_with_other_chunks_and_is_noticed(stage):
    """Several draw at once; who would put another subject in its place, or forget it, finds them."""
    subject, portrait, _, _ = stage
    plain = portrait.render
    both = threading.Barrier(2, timeout=60)
    noticed: list[str] = []

    def render(drive, index, size, **options):
        if index in (0, 10) and not portrait.drawn.count(index):
            both.wait()
            if index == 0:
                noticed.append(refusal_to_forget(subject.root))
                noticed.append(refusal_to_preprocess(subject.root))
            both.wait()
        return plain(drive, index, size, **options)

    portrait.render = render
    threads = [threading.Thread(target=draw, args=(stage, frames)) for frames in ("1-10", "11-26")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["drawn from" in text for text in noticed] == [True, True], noticed
    with preprocessing_claim(subject.root, Reporter()):
        assert not list(subject.root.glob("*.lock"))


def refusal_to_forget(root: Path) -> str:
    with pytest.raises(InputError) as refused:
        forgetting.forget(forgetting.plan(root, [], []))
    return str(refused.value)


def refusal_to_preprocess(root: Path) -> str:
    said: list[str] = []
    report = Reporter(lambda progress: said.append(progress.message or ""), lambda: bool(said))
    with pytest.raises(Cancelled), preprocessing_claim(root, report):
        raise AssertionError("a chunk is drawn of it")
    return said[0]


def test_chunks_of_another_line_are_refused(stage, tmp_path):
    subject, _, sound, out = stage
    draw(stage, "1-4")
    other = tmp_path / "other.wav"
    other.write_bytes(sound.read_bytes()[:-2000])
    with pytest.raises(InputError, match="holds another take"):
        draw_chunk(subject, other, out, RenderSettings(), Reporter())
    with pytest.raises(InputError, match="holds another take"):
        rendering.render(subject, other, out, RenderSettings(), Reporter())


def test_what_cannot_be_done_in_chunks_is_said(stage):
    with pytest.raises(InputError, match="movie alone"):
        draw(stage, "1-4", layers="mp4")
    with pytest.raises(InputError, match="Nothing was drawn"):
        joined(stage)
    with pytest.raises(InputError, match="does not lie within 1:26"):
        draw(stage, "20-27")
    assert not stage[3].exists()


def test_chunks_tell_of_their_line_until_they_are_joined(stage, tmp_path):
    draw(stage, None)
    assert join(stage[3], {}, Reporter()).rendered == 0
    assert files(stage[3]) == single(stage, tmp_path / "single")
    with pytest.raises(InputError, match="does not tell all of its line") as refused:
        join(stage[3], {}, Reporter())
    assert "joined already" in str(refused.value) and "name --subject and --audio" in refused.value.do


def test_a_damaged_record_is_named(stage):
    draw(stage, "1-2")
    record = stage[3] / layout.CHUNKS_FOLDER / layout.CHUNK_RECORD_FILE
    record.write_text(json.dumps(json.loads(record.read_text()) | {"settings": {"size": "large"}}))
    with pytest.raises(InputError, match="does not tell all of its line"):
        joined(stage)


def test_two_machines_with_the_same_process_id_share_no_temporary_name():
    code = (
        "from pathlib import Path; from shared.files import temporary_beside; print(temporary_beside(Path('a')).name)"
    )
    names = [subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) for _ in range(2)]
    counts = {name.split(".")[2] for name in names}
    assert len(counts) == 2


def test_a_join_that_breaks_off_after_it_took_the_chunks_over_is_repeated(stage, tmp_path, monkeypatch):
    """Whoever comes next finds what the frames are of: in the record of chunks, or in the manifest of what is begun."""
    draw(stage, None)
    plain = rendering.TakeFolder.take_over

    def take_over_and_fail(*arguments):
        plain(*arguments)
        raise InputError("The disk is full.", "Make room.")

    monkeypatch.setattr(rendering.TakeFolder, "take_over", take_over_and_fail)
    with pytest.raises(InputError, match="disk is full"):
        joined(stage)
    monkeypatch.setattr(rendering.TakeFolder, "take_over", plain)
    assert draw(stage, None).rendered == 0
    joined(stage)
    assert files(stage[3]) == single(stage, tmp_path / "single")


def test_a_frame_of_which_the_disk_took_nothing_is_told(stage, monkeypatch):
    monkeypatch.setattr(exr.OpenEXR.File, "write", lambda self, path: Path(path).write_bytes(b""))
    with pytest.raises(InputError, match=r"cannot be written \(nothing was written\)"):
        draw(stage, "1-2")
