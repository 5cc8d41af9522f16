"""The file of a live picture: whole or not at all, and never taken for another one."""

import pytest

from shared.live_picture import read_live_picture, write_live_picture

RGBA = bytes(range(32)) * 3


def test_a_picture_comes_out_as_it_went_in(tmp_path):
    write_live_picture(tmp_path / "picture.0", 41, 3, 2, RGBA)
    picture = read_live_picture(tmp_path / "picture.0", 41)
    assert picture is not None
    assert (picture.number, picture.width, picture.height, picture.rgba) == (41, 3, 2, RGBA)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.0"]


def test_another_drawing_than_the_one_asked_for_is_no_picture(tmp_path):
    write_live_picture(tmp_path / "picture.0", 41, 3, 2, RGBA)
    write_live_picture(tmp_path / "picture.0", 44, 3, 2, RGBA)
    assert read_live_picture(tmp_path / "picture.0", 41) is None
    assert read_live_picture(tmp_path / "picture.1", 41) is None


def test_what_is_cut_off_anywhere_or_is_another_file_is_no_picture(tmp_path):
    path = tmp_path / "picture.0"
    write_live_picture(path, 5, 3, 2, RGBA)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_live_picture(path, 5) is None
    path.write_bytes(b"X" + whole[1:])
    assert read_live_picture(path, 5) is None


def test_a_picture_of_another_length_is_refused_before_anything_is_replaced(tmp_path):
    write_live_picture(tmp_path / "picture.0", 5, 3, 2, RGBA)
    with pytest.raises(ValueError, match="no picture of 3 x 2 px"):
        write_live_picture(tmp_path / "picture.0", 6, 3, 2, RGBA[:-1])
    assert read_live_picture(tmp_path / "picture.0", 5) is not None
