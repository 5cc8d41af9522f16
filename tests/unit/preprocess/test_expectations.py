"""What the quality report expects of a clip: faults are measured in its pictures, and said where they cost much."""

import cv2
import numpy as np
import pytest

from backend.preprocess import face_picture
from backend.preprocess.expectations import COARSE_BITS, expectations
from tests.support.scored_pictures import blurred, noisy, photograph

GOOD = {
    "face_px": 230.0,
    "sharpness": 17.0,
    "noise": 0.3,
    "brightness": 90.0,
    "mouth_range": 0.1,
    "bits_per_pixel": 0.05,
}
CORNERS = np.array([[20.0, 10.0, 0.0], [240.0, 250.0, 0.0]])


def said(**faults):
    return " ".join(expectations(**GOOD | faults))


def test_nothing_is_said_of_a_good_clip_nor_of_numbered_pictures():
    assert said() == said(bits_per_pixel=None) == ""


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"face_px": 77.0}, "only 77 px high"),
        ({"brightness": 14.0}, "very dark"),
        ({"sharpness": 5.4}, "not sharp"),
        ({"noise": 3.8}, "noisy"),
        ({"bits_per_pixel": COARSE_BITS / 3}, "coded very coarsely"),
        ({"mouth_range": 0.01}, "hardly opens"),
    ],
)
def test_each_fault_is_said_once_with_what_helps(faults, words):
    (sentence,) = expectations(**GOOD | faults)
    assert words in sentence


def test_a_small_face_is_not_called_unsharp_as_well():
    assert "not sharp" not in said(sharpness=4.0, face_px=60.0)


def face(picture, place=CORNERS):
    return face_picture.face_of(picture, place)


def test_sharpness_falls_with_blur_and_does_not_depend_on_the_size_of_the_picture():
    plain = photograph(256)
    sharp = face_picture.sharpness(face(plain))
    assert face_picture.sharpness(face(blurred(plain, 2.0))) < 0.8 * sharp
    larger = cv2.resize(plain, (512, 512), interpolation=cv2.INTER_CUBIC)
    assert face_picture.sharpness(face(larger, 2 * CORNERS)) == pytest.approx(sharp, rel=0.15)


def test_a_dim_face_is_as_sharp_as_a_lit_one():
    lit = photograph(256)
    level = face_picture.brightness(face(lit))
    assert level > 100
    dim = np.rint(lit * (36 / level)).astype(np.uint8)
    expected = face_picture.sharpness(face(lit)) * 90 / level
    assert face_picture.sharpness(face(dim)) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("deviation", [2.0, 8.0])
def test_noise_is_measured_whatever_the_face_looks_like(deviation):
    plain = cv2.resize(photograph(256), (136, 136), interpolation=cv2.INTER_AREA)
    place = np.array([[4.0, 4.0, 0.0], [132.0, 132.0, 0.0]])  # 128 px, so that nothing is averaged
    other = np.rint(np.clip(plain + np.random.default_rng(7).normal(0, deviation, plain.shape), 0, 255)).astype(
        np.uint8
    )
    measured = face_picture.noise(face(noisy(plain, deviation), place), face(other, place))
    grey = deviation * np.sqrt(0.299**2 + 0.587**2 + 0.114**2)  # noise of three channels on its own, in luma
    assert measured == pytest.approx(grey, rel=0.15)
    assert face_picture.noise(face(plain, place), face(plain, place)) == 0.0


def test_lips_that_move_are_no_noise():
    plain = photograph(256)
    moved = plain.copy()
    moved[160:220, 80:180] = plain[150:210, 80:180]
    assert face_picture.noise(face(plain), face(moved)) == 0.0


def test_brightness_is_the_faces_own_not_the_rooms():
    picture = np.full((256, 256, 3), 200, np.uint8)
    picture[10:251, 20:241] = 14
    assert face_picture.brightness(face(picture)) == pytest.approx(14.0, abs=0.01)
