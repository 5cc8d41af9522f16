"""Pictures come as players show them: turned, mirrored, in square pixels, of one size, without fields."""

from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock, PropertyMock

import av
import cv2
import numpy as np
import pytest

from backend.media.decode import probe, read_frames
from backend.media.framing import Orientation, fitted, square_size
from tests.odd_inputs.writing import Clip, Movie, trimmed_without_encoding, write

WIDTH, HEIGHT = 96, 64
SILENCE = np.zeros(0, np.float32)


def picture(number: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Four grounds of different colours, and a bright bar that moves with the number."""
    grounds = np.array([[[180, 40, 40], [40, 160, 40]], [[40, 40, 200], [150, 150, 40]]], np.uint8)
    whole = cv2.resize(grounds, (width, height), interpolation=cv2.INTER_NEAREST)
    whole[height // 4 : height // 2, 8 + 4 * number : 16 + 4 * number] = 240
    return whole


def clip(count: int = 3, **size: int) -> Clip:
    return Clip([picture(number, **size) for number in range(count)], SILENCE)


def read(path) -> list[np.ndarray]:
    return [rgb for _, rgb in read_frames(path)]


def assert_alike(found: np.ndarray, wanted: np.ndarray, apart: float = 4.0) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found.astype(float) - wanted).mean() < apart


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_each_of_the_eight_orientations_is_undone(tmp_path, degrees, mirrored):
    stored = [np.rot90(p[:, ::-1] if mirrored else p, -(degrees // 90)) for p in clip().pictures]
    path = write(tmp_path / "clip.mp4", Clip(stored, SILENCE), Movie(turn=(degrees, mirrored)), [])
    info = probe(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.orientation.mirrored == mirrored
    assert bool(info.notes) == mirrored
    for found, wanted in zip(read(path), clip().pictures, strict=True):
        assert_alike(found, wanted)


def test_a_turn_that_is_added_follows_the_file_s_own(tmp_path):
    path = write(tmp_path / "clip.mp4", clip(1), Movie(turn=(90, True)), [])
    info = probe(path)
    shown = read(path)[0]
    for turns in range(4):
        turned = info.turned(turns)
        found = next(rgb for _, rgb in read_frames(path, turned))
        assert np.array_equal(found, np.rot90(shown, turns))
        assert found.shape[1::-1] == (turned.width, turned.height)


def test_side_data_of_an_unknown_kind_leaves_the_turn():
    frame = Mock(spec=av.VideoFrame, rotation=-90)
    type(frame).side_data = PropertyMock(side_effect=ValueError("31 is not a valid Type"))
    assert Orientation.of(frame) == Orientation(3)


@pytest.mark.parametrize(("stored", "aspect"), [((72, 64), Fraction(4, 3)), ((96, 48), Fraction(3, 4))])
@pytest.mark.parametrize("is_turned", [False, True])
def test_pixels_that_are_not_square_become_square(tmp_path, stored, aspect, is_turned):
    pictures = [cv2.resize(p, stored, interpolation=cv2.INTER_AREA) for p in clip().pictures]
    if is_turned:
        pictures, aspect = [np.rot90(p, -1) for p in pictures], 1 / aspect
    movie = Movie(pixel_aspect=aspect, turn=(90 if is_turned else 0, False))
    path = write(tmp_path / "clip.mp4", Clip(pictures, SILENCE), movie, [])
    info = probe(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert "not square" in info.notes[0]
    for found, wanted in zip(read(path), clip().pictures, strict=True):
        assert_alike(found, wanted, apart=6.0)


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(1000), Fraction(1, 1000), Fraction(1217, 1216)])
def test_a_pixel_aspect_that_is_an_error_or_all_but_square_is_passed_over(aspect):
    assert square_size(1920, 1080, aspect) == (1920, 1080)


@pytest.mark.parametrize("grows", [True, False])
def test_pictures_of_several_sizes_are_brought_to_the_largest(tmp_path, grows):
    sizes = [(96, 64), (192, 128)] if grows else [(192, 128), (96, 64)]
    parts = [write(tmp_path / f"{w}.ts", clip(4, width=w, height=h), None, []) for w, h in sizes]
    path = tmp_path / "clip.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    info = probe(path)
    assert (info.width, info.height) == (192, 128)
    assert "changes" in info.notes[0]
    found = read(path)
    assert len(found) == 8  # the second part's clock begins anew
    for number, rgb in enumerate(found):
        wide = picture(number % 4, width=192, height=128)
        wide = cv2.resize(picture(number % 4), (192, 128)) if (number < 4) == grows else wide
        assert_alike(rgb, wide, apart=8.0)


def test_a_picture_of_another_shape_is_fitted_whole():
    found = fitted(np.full((100, 50, 3), 200, np.uint8), 200, 100)
    assert found.shape == (100, 200, 3)
    assert (found[:, 75:125] == 200).all()
    assert not found[:, :75].any() and not found[:, 125:].any()


@pytest.mark.parametrize("first", ["tff", "bff"])
def test_fields_are_made_whole(tmp_path, first):
    """A bar that moves has teeth where two fields are woven; its picture without fields has none."""
    before, after = picture(0), picture(5)
    woven = before.copy()
    later = slice(1, None, 2) if first == "tff" else slice(0, None, 2)
    woven[later] = after[later]
    pictures = [woven if number % 2 else before for number in range(6)]
    path = write(
        tmp_path / "clip.mp4", Clip(pictures, SILENCE), Movie(options={"crf": "4", "x264-params": f"{first}=1"}), []
    )
    info = probe(path)
    assert info.is_interlaced and "interlaced" in info.notes[0]
    found = read(path)
    assert len(found) == 6

    def teeth(rgb: np.ndarray) -> float:
        rows = rgb[20:28, 8:40].astype(float).mean(axis=2)
        return float(np.abs(rows[1:] - rows[:-1]).mean())

    assert teeth(woven) > 20 > 5 * teeth(before)
    assert max(teeth(rgb) for rgb in found) < 0.25 * teeth(woven)


def test_whole_frames_of_a_clip_without_fields_are_not_filtered(tmp_path):
    assert not probe(write(tmp_path / "clip.mp4", clip(), None, [])).is_interlaced


def test_a_clip_that_was_trimmed_without_encoding_is_whole(tmp_path):
    whole = write(tmp_path / "whole.mp4", clip(12), Movie(options={"crf": "8", "g": "50"}), [])
    path = trimmed_without_encoding(whole, tmp_path / "clip.mp4", 0.2)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 12  # it holds them all
    said: list[str] = []
    found = [rgb for _, rgb in read_frames(path, warn=said.append)]
    assert said == []
    assert probe(path).frame_count_estimate == len(found) == 7
    assert_alike(found[0], picture(5))


@pytest.mark.parametrize("name", ["take:1 50%.mp4", "'\"&.mp4", "アンナ 🎬.mp4", "%04d.mp4", "-i.mp4"])
def test_a_clip_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(Path(name), clip(), None, [])
    assert len(read(Path(name))) == 3
