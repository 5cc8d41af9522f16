"""The same face is found at the same place whatever the clip is like: landmarks within 1 px at 512."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.command import cli
from backend.face.landmarker import Landmarker
from backend.media.audio import load_audio
from backend.media.colour import to_bytes
from backend.media.decode import probe, read_frames
from backend.preprocess.scan import scan_faces
from backend.preprocess.who_speaks import who_speaks
from backend.presenter.make import draw_clip
from backend.settings import PreprocessSettings
from backend.subject.subject import Subject
from shared.errors import InputError
from shared.jobs import Reporter
from tests.odd_inputs.footage import FOOTAGE, cut_to_another, titles_and_black, turned_without_tag, two_people
from tests.odd_inputs.trial import alikeness
from tests.odd_inputs.writing import AUDIO_RATE, Clip, at_rate, write

SIZE = (320, 256)
COMPARED = ("display matrix", "pixel aspect 4", "pixel aspect 8", "interlaced", "10 bits", "trimmed", "RGB")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Clip:
    """The presenter for 3.4 seconds, small."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    draw_clip("Papa bought a map, and we sail before five in the morning.", path, width=SIZE[0], height=SIZE[1])
    pictures = [rgb for _, rgb in read_frames(path)]
    return Clip(pictures, load_audio(path, AUDIO_RATE))


def landmarks(path: Path) -> np.ndarray:
    """(T, 478, 2) of every fourth picture, px."""
    with Landmarker(None, 1) as landmarker:
        return np.array([landmarker.find(to_bytes(rgb))[0].landmarks[:, :2] for _, rgb in read_frames(path, every=4)])


CASES = [case for case in FOOTAGE if case.name.startswith(COMPARED)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_landmarks_lie_where_they_do_in_the_plain_clip(tmp_path, plain, case):
    short = plain.part(10, 26)
    (tmp_path / "odd").mkdir()
    expected = landmarks(write(tmp_path / "plain.mp4", short))
    found = landmarks(case.make(short, tmp_path / "odd"))
    apart = np.linalg.norm(found - expected, axis=-1).mean(axis=1) * 512 / SIZE[1]
    assert len(found) == len(expected)
    assert np.median(apart) < 1.0


def scanned(path: Path, choose=lambda *_: None, **settings):
    return scan_faces(path, probe(path), PreprocessSettings(**settings), Reporter(), choose)


def test_the_whole_of_a_plain_clip_is_used_without_a_word(tmp_path, plain):
    scan = scanned(write(tmp_path / "clip.mp4", plain))
    assert (scan.turns, scan.first, scan.end, scan.warnings) == (0, 0, None, [])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_clip_that_lies_on_its_side_or_stands_on_its_head_is_turned(tmp_path, plain, turns):
    scan = scanned(turned_without_tag(turns).make(plain.part(0, 40), tmp_path))
    upright = scanned(write(tmp_path / "plain.mp4", plain.part(0, 40)))
    assert scan.turns == turns
    assert "does not stand upright" in scan.warnings[0]
    assert np.abs(np.array(scan.speaker.boxes) - np.array(upright.speaker.boxes)).max() < 4


@pytest.mark.parametrize(("make", "first", "end"), [(titles_and_black, 40, 80), (cut_to_another, 30, None)])
def test_the_shot_with_the_speaker_is_taken_and_that_is_said(tmp_path, plain, make, first, end):
    scan = scanned(make(plain.part(0, 40), tmp_path))
    assert (scan.first, scan.end) == (first, end)
    assert "2 shots" in scan.warnings[0] and "--in and --out" in scan.warnings[0]
    assert scan.speaker.numbers[0] == 0


def test_a_part_that_is_asked_for_is_taken(tmp_path, plain):
    path = write(tmp_path / "clip.mp4", plain)
    assert (scanned(path, start_s=0.4, end_s=2.0).first, scanned(path, start_s=0.4, end_s=2.0).end) == (10, 50)
    for start, end in ((2.0, 2.0), (60.0, None), (3.0, 1.0)):
        with pytest.raises(InputError, match="--in and --out"):
            scanned(path, start_s=start, end_s=end)


def test_of_two_people_the_one_is_taken_whose_lips_go_with_the_sound(tmp_path, plain):
    path = two_people(plain, tmp_path)
    scan = scanned(path, lambda faces, info, shot: who_speaks(faces, path, info, shot, path, None))
    assert scan.speaker.boxes[0][0] > SIZE[0]
    assert "number 2 from the left" in scan.warnings[0] and "--speaker" in scan.warnings[0]
    assert scanned(path, speaker=1).speaker.boxes[0][0] < SIZE[0]
    with pytest.raises(InputError, match="no face 3"):
        scanned(path, speaker=3)


@pytest.mark.slow
def test_a_part_has_its_own_pictures_and_sound_and_says_where_it_lies(tmp_path, plain, capsys):
    path = turned_without_tag(1).make(plain, tmp_path)
    options = ["--in", "0.4", "--size", "128", "--set", "refine_poses=false", "--keep-audio-offset"]
    assert cli.main(["preprocess", str(path), "--subject", str(tmp_path / "subject"), *options]) == 0
    subject = Subject.open(tmp_path / "subject")
    count = len(plain.pictures)
    assert (subject.info.footage_turns, subject.info.footage_first, subject.frame_count) == (1, 10, count - 10)
    assert (subject.info.footage_width, subject.info.footage_height) == SIZE
    assert any("does not stand upright" in text for text in subject.info.quality["warnings"])
    spoken = at_rate(plain.sound, 16000)[round(0.4 * 16000) :]
    assert alikeness(load_audio(subject.audio_path), spoken) > 0.95
