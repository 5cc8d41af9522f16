"""Numbered pictures are footage: a folder, a pattern, or the first of them."""

from fractions import Fraction

import numpy as np
import pytest

from backend.media.decode import probe, read_frames
from backend.media.png import write_png
from backend.media.sequence import asked_rate, footage_sha256, sequence_of
from shared.errors import InputError
from tests.odd_inputs.footage import sequence
from tests.odd_inputs.writing import Clip

SOUND = np.zeros(4800, np.float32)


def picture(number: int) -> np.ndarray:
    grey = np.linspace(20, 220, 64, dtype=np.uint8)[None].repeat(48, axis=0)
    return np.dstack([grey, grey[:, ::-1], np.full_like(grey, 20 * number)])


@pytest.mark.parametrize(
    ("ending", "pixels"), [("png", "rgb24"), ("tif", "rgb48le"), ("dpx", "gbrp10le"), ("exr", "gbrpf32le")]
)
def test_pictures_of_a_folder_are_read_in_their_order(tmp_path, ending, pixels):
    folder = sequence(ending, pixels).make(Clip([picture(n) for n in range(4)], SOUND), tmp_path)
    info = probe(folder, Fraction(24))
    assert (info.width, info.height, info.fps, info.frame_count_estimate) == (64, 48, Fraction(24), 4)
    assert not info.notes
    found = list(read_frames(folder, info))
    assert [time for time, _ in found] == [Fraction(n, 24) for n in range(4)]
    for number, (_, rgb) in enumerate(found):
        shown = rgb if rgb.dtype == np.uint8 else rgb / 257
        assert np.abs(shown - picture(number).astype(float)).max() < 2


def write(folder, *names: str) -> None:
    for number, name in enumerate(names):
        write_png(folder / name, picture(number))


def test_a_pattern_and_the_first_picture_name_the_same_clip_as_their_folder(tmp_path):
    write(tmp_path, "a.0099.png", "a.0100.png", "a.101.png")
    names = ("a.####.png", "a.%04d.png", "a.0099.png")
    clips = [sequence_of(tmp_path), *(sequence_of(tmp_path / name) for name in names)]
    assert all(clip is not None and list(clip.pictures) == [99, 100, 101] for clip in clips)
    assert len({footage_sha256(tmp_path / name) for name in names}) == 1


def test_of_several_clips_in_a_folder_one_must_be_named(tmp_path):
    write(tmp_path, "a1.png", "a2.png", "b1.png", "b2.png")
    with pytest.raises(InputError, match="2 clips") as raised:
        sequence_of(tmp_path)
    assert "a####.png" in raised.value.what
    named = sequence_of(tmp_path / "b#.png")
    assert named is not None and list(named.pictures) == [1, 2]


def test_a_missing_and_a_damaged_picture_are_stood_in_for_by_the_one_before(tmp_path):
    write(tmp_path, "1.png", "2.png", "5.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    said: list[str] = []
    found = [rgb[0, 0, 2] for _, rgb in read_frames(tmp_path, warn=said.append)]
    assert found == [0, 20, 20, 20, 40]
    assert "2 pictures are missing" in said[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a1.png", "a999999999999.png"), "nearly all are missing"),
        (("a1.png", f"a{10**30}.png"), "31 digits"),
        (("a1.png", "a01.png", "a001.png"), "have the same number"),
        (("a1.png", "a01.png"), "have the same number"),
    ],
)
def test_numbers_that_make_no_clip_are_refused_in_words(tmp_path, names, said):
    write(tmp_path, *names)
    for named in (tmp_path, tmp_path / "a#.png", tmp_path / "a1.png"):
        with pytest.raises(InputError, match=said):
            sequence_of(named)


def test_the_last_run_of_signs_is_the_number(tmp_path):
    write(tmp_path, "take#3.0001.png", "take#3.0002.png")
    for name in ("take#3.####.png", "take#3.%04d.png"):
        found = sequence_of(tmp_path / name)
        assert found is not None and list(found.pictures) == [1, 2]


def test_what_is_no_sequence_is_none(tmp_path):
    write(tmp_path, "portrait7.png", "other.png")
    assert sequence_of(tmp_path / "other.png") is None
    assert sequence_of(tmp_path / "portrait7.png") is None  # one picture alone
    assert sequence_of(tmp_path / "clip.mp4") is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no numbered pictures"):
        probe(tmp_path / "empty")


def test_a_rate_is_for_pictures_and_must_be_one(tmp_path):
    write(tmp_path, "1.png", "2.png")
    assert asked_rate(tmp_path, "23.976") == Fraction(24000, 1001)
    assert asked_rate(tmp_path, None) is None
    assert "25 a second" in probe(tmp_path).notes[0]
    with pytest.raises(InputError, match="zzz"):
        asked_rate(tmp_path, "zzz")
    with pytest.raises(InputError, match="its own frame rate"):
        asked_rate(tmp_path / "clip.mp4", "25")
