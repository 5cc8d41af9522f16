"""Cuts, blank pictures and fades are found; flashes, pans and moving people are none."""

import numpy as np
import pytest

from backend.preprocess.shots import HEIGHT, WIDTH, Shot, Thumbnails


def scene(seed: int, count: int, moving: float = 2.0) -> list[np.ndarray]:
    """Pictures of one place, in which a bright shape wanders."""
    random = np.random.default_rng(seed)
    ground = random.integers(0, 256, (HEIGHT, WIDTH, 3))
    pictures = []
    for number in range(count):
        picture = ground + random.normal(0, 1.5, ground.shape)
        left = round(8 + moving * np.sin(number / 5))
        picture[4:14, left : left + 10] = 190
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def shots(pictures: list[np.ndarray]) -> list[Shot]:
    small = Thumbnails()
    for picture in pictures:
        small.add_small(picture)
    return small.shots()


BLACK = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)]


def test_one_place_is_one_shot():
    assert shots(scene(0, 60)) == [Shot(0, 60)]


def test_a_cut_ends_a_shot():
    assert shots(scene(0, 30) + scene(1, 20) + scene(0, 12)) == [Shot(0, 30), Shot(30, 50), Shot(50, 62)]


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(length):
    place = scene(0, 40)
    flash = [np.clip(picture + 90.0, 0, 255).astype(np.uint8) for picture in place[:length]]
    assert shots(place[:20] + flash + place[20:]) == [Shot(0, 40 + length)]


def test_a_quick_pan_is_no_cut():
    wide = np.random.default_rng(0).integers(0, 256, (HEIGHT // 2, 60, 3), dtype=np.uint8).repeat(2, 0).repeat(6, 1)
    assert shots([wide[:, 6 * n : 6 * n + WIDTH] for n in range(50)]) == [Shot(0, 50)]


def test_black_and_fades_are_left_out():
    place = scene(0, 50)
    fade = [(picture * (number / 20)).astype(np.uint8) for number, picture in enumerate(place[:20])]
    found = shots(BLACK * 10 + fade + place[20:] + BLACK * 10)
    assert found == [Shot(20, 60)]  # from half of the usual contrast on


def test_a_clip_that_shows_nothing_has_no_shot():
    assert shots(BLACK * 30) == []
    assert shots([]) == []
