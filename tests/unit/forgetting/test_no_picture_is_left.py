"""After a person is forgotten, neither a search for words nor one for pictures finds anything in any place of ours."""

import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.deliver import plan as planning
from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk
from backend.export.export import export
from backend.portrait.portrait import PortraitFrame
from backend.serve.jobstore import JobStore
from backend.settings import RenderSettings
from shared import layout
from shared.jobs import JobInfo, JobState, Reporter
from tests.support.disc_stage import DiscPortrait, make_stage
from tests.support.drawn_face import draw_face
from tests.support.forgotten import ID, SHA256, run
from tests.support.image_search import hashes_of, search

pytestmark = pytest.mark.slow

SIZE = 32
NAME = "anna_perpetua"


class PresenterPortrait(DiscPortrait):
    """Draws the drawn presenter."""

    def __init__(self, picture, mask):
        super().__init__()
        self.picture, self.mask = picture, mask

    def render(self, drive, index, size, *, intrinsics=None, **options):
        plain = super().render(drive, index, size, intrinsics=intrinsics, **options)
        alpha = cv2.resize(self.mask, plain.alpha.shape[::-1], interpolation=cv2.INTER_AREA)
        rgb = cv2.resize(self.picture, plain.alpha.shape[::-1], interpolation=cv2.INTER_AREA) * alpha[..., None]
        mattes = np.stack([0 * alpha, alpha, 0 * alpha, 0 * alpha], axis=2)
        return PortraitFrame(rgb, alpha, np.where(alpha > 0, np.float32(50), np.float32(1e12)), mattes)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """All places of ours with what is made of the drawn presenter in them, by name."""
    pictures, masks = draw_face(256, 256)
    made = {name: tmp_path / name for name in ("project", "state", "cache", "temporary", "home", "shots")}
    for folder in made.values():
        folder.mkdir()
    for variable in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(made["home"]))
    monkeypatch.setenv("TALKER_CACHE_DIR", str(made["cache"]))
    monkeypatch.setattr(tempfile, "tempdir", str(made["temporary"]))
    stage = made["project"] / NAME
    subject, _, sound, _ = make_stage(stage, monkeypatch)
    subject.info.source, subject.info.source_sha256 = f"{NAME}.mp4", SHA256
    subject.save_info()
    small = [cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for picture in pictures]
    for path in (subject.root / layout.FRAMES_FOLDER).iterdir():
        cv2.imwrite(str(path), small[int(path.stem) % len(small)][..., ::-1])
    shutil.copy(subject.root / layout.FRAMES_FOLDER / "000001.png", subject.root / layout.BACKGROUND_FILE)
    cv2.imwrite(str(subject.root / layout.CONTACT_SHEET_FILE), np.hstack(small)[..., ::-1])
    (subject.root / layout.CACHE_FOLDER).mkdir(exist_ok=True)
    np.save(subject.root / layout.CACHE_FOLDER / "frames_32_0.npy", np.stack(small))
    shutil.copytree(subject.root, subject.root.with_name("subject.partial"))
    portrait = PresenterPortrait(pictures[0].astype(np.float32) / 255, masks[0].astype(np.float32))
    monkeypatch.setattr(planning, "open_portrait", lambda model: portrait)
    store = JobStore(made["state"], 100)
    for name, layers in (("one", "exr"), ("two", "png"), ("three", "mp4")):
        out = stage / "lines" / name if name != "two" else made["shots"] / name
        rendering.render(subject, sound, out, RenderSettings(frames="1:3", layers=layers), Reporter())
        arguments = {"subject": str(subject.root), "out": str(out), "audio": str(sound)}
        store.save(JobInfo(name, "render", arguments, JobState.DONE))
    draw_chunk(subject, sound, stage / "lines" / "four", RenderSettings(frames="1:3"), Reporter())
    movie = made["shots"] / "head.mov"
    export(stage / "lines" / "one", movie, Reporter())
    ended = movie.stat().st_mtime
    arguments = {"take": str(stage / "lines" / "one"), "out": str(movie)}
    store.save(JobInfo("x", "export", arguments, JobState.DONE, started_at=ended - 60, finished_at=ended + 60))
    shutil.copy(movie, movie.with_name("head.mov.7.8.partial.mov"))
    (made["state"] / "logs" / "backend.log").write_text(f"kept\n{subject.root}: of {ID}\n")
    (made["temporary"] / "talker-1.log").write_text(f"{subject.root}\n")
    return made


def words_in(folders):
    """Files and folders whose names or bytes hold the subject's id or name."""
    paths = [path for folder in folders for path in folder.rglob("*")]
    said = (ID.encode(), SHA256.encode(), NAME.encode())
    named = [path for path in paths if path.is_file() and any(word in path.read_bytes() for word in said)]
    return named


def test_neither_words_nor_pictures_of_a_person_are_found_after_forgetting(places, tmp_path):
    stage = places["project"] / NAME
    shutil.copytree(stage, tmp_path / "known" / "stage")
    shutil.copytree(places["shots"], tmp_path / "known" / "shots")
    like = hashes_of([tmp_path / "known"])
    before = search(places.values(), like)
    kinds = {path.suffix for path in before.alike}
    assert kinds >= {".png", ".exr", ".npy", ".mp4", ".mov"} and len(before.same) > 20, "the search finds what there is"
    assert len(words_in(places.values())) > 8

    assert run(stage / "subject", "--state-dir", places["state"], "--yes") == 0
    after = search(places.values(), like)
    assert (after.same, after.alike, words_in(places.values())) == ([], [], [])
    assert (places["state"] / "logs" / "backend.log").read_text() == "kept\n"
    assert [path.name for path in stage.rglob("*") if path.is_file()] == ["line.wav"], "the sound is the user's own"


def test_the_search_knows_a_picture_that_was_scaled_and_coded_and_no_other(tmp_path):
    pictures, _ = draw_face(256, 256)
    for name in ("own", "again", "other"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "own" / "face.png"), pictures[0])
    cv2.imwrite(
        str(tmp_path / "again" / "small.jpg"), cv2.resize(pictures[0], (90, 90)), [cv2.IMWRITE_JPEG_QUALITY, 60]
    )
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "other" / "noise.png"), noise)
    cv2.imwrite(str(tmp_path / "other" / "turned.png"), np.rot90(pictures[0]))
    found = search([Path(tmp_path)], hashes_of([tmp_path / "own"]))
    assert [path.name for path in found.alike] == ["small.jpg", "face.png"] and len(found.same) == 1
