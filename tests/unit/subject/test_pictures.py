"""Pictures of a subject are read from the disk one at a time; a cache is made only where it can be kept."""

import numpy as np
import pytest

from backend import disk
from backend.media.png import write_png
from backend.subject.pictures import PictureFile, PictureFolder, write_picture_file
from shared import layout
from shared.errors import InputError
from tests.support.synthetic_subject import FRAMES, SIZE


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


def test_a_picture_file_gives_back_what_was_written_and_is_an_ordinary_array_file(tmp_path, pictures):
    path = tmp_path / "pictures.npy"
    write_picture_file(path, iter(pictures), pictures.shape)
    stored = PictureFile(path, pictures.shape)
    assert len(stored) == 5
    for index in (4, 0, 2):
        np.testing.assert_array_equal(stored[index], pictures[index])
    np.testing.assert_array_equal(np.load(path), pictures)
    with pytest.raises(IndexError):
        stored[5]


def test_nothing_is_left_of_a_picture_file_whose_pictures_cannot_be_read(tmp_path, pictures):
    def failing():
        yield pictures[0]
        raise InputError("A picture is missing.", "Preprocess again.")

    with pytest.raises(InputError, match="missing"):
        write_picture_file(tmp_path / "pictures.npy", failing(), pictures.shape)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_file_that_is_cut_short_says_so(tmp_path, pictures):
    path = tmp_path / "pictures.npy"
    write_picture_file(path, pictures, pictures.shape)
    stored = PictureFile(path, pictures.shape)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="cut short"):
        PictureFile(path, pictures.shape)
    np.testing.assert_array_equal(stored[3], pictures[3])
    with pytest.raises(InputError, match="cut short"):
        stored[4]
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match="cannot be read"):
        PictureFile(path, pictures.shape)


@pytest.mark.parametrize("wrong", [(4, 8, 8, 3), (5, 4, 16, 3), (5, 8, 8, 4), (6, 8, 8, 3)])
def test_a_picture_file_of_other_pictures_is_refused(tmp_path, wrong):
    path = tmp_path / "pictures.npy"
    np.save(path, np.zeros(wrong, np.uint8))
    with pytest.raises(InputError, match="not hold the pictures"):
        PictureFile(path, (5, 8, 8, 3))
    assert len(PictureFile(path, wrong)) == wrong[0]


@pytest.mark.parametrize("header", [b"(", b"{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 8, 8, 3)}", b"\xff"])
def test_a_picture_file_with_a_damaged_header_is_refused(tmp_path, header):
    path = tmp_path / "pictures.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match="Delete it"):
        PictureFile(path, (5, 8, 8, 3))


def test_frames_at_their_stored_size_need_no_cache(subject):
    assert subject.frames(SIZE)[0].shape == (SIZE, SIZE, 3)
    assert subject.regions(SIZE)[FRAMES - 1].shape == (SIZE, SIZE, 4)
    assert not list((subject.root / layout.CACHE_FOLDER).glob("*.npy"))


def test_smaller_frames_come_from_a_cache_and_are_the_stored_ones_averaged(subject):
    small = subject.frames(SIZE // 2)
    assert len(small) == FRAMES
    whole = subject.frames(SIZE)[3].astype(float)
    blocks = whole.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small[3], blocks, atol=1)
    assert len(list((subject.root / layout.CACHE_FOLDER).glob("frames_*.npy"))) == 1


def test_a_cache_that_the_disk_has_no_room_for_is_refused_before_it_is_begun(subject, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1000)
    with pytest.raises(InputError, match="not enough space") as raised:
        subject.frames(SIZE // 2)
    assert "Make room" in raised.value.do
    assert not list((subject.root / layout.CACHE_FOLDER).glob("*"))


def test_stored_pictures_are_a_sequence_that_is_read_when_asked_for(tmp_path):
    drawn = [np.full((4, 6, 3), (value, 0, 255 - value), np.uint8) for value in (10, 20, 30)]
    for number, picture in enumerate(drawn, start=1):
        write_png(tmp_path / f"{number:06d}.png", picture)
    stored = PictureFolder(tmp_path, 3, channels=3)
    assert len(stored) == 3
    assert all(np.array_equal(a, b) for a, b in zip(stored, drawn, strict=True))
    assert [int(picture[0, 0, 0]) for picture in stored[1:]] == [20, 30]
    with pytest.raises(IndexError):
        stored[3]
    (tmp_path / "000002.png").unlink()
    assert np.array_equal(stored[2], drawn[2])
    with pytest.raises(InputError, match="no .*000002.png"):
        stored[1]
