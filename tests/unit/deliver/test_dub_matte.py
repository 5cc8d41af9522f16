"""The matte of a dub, and the light and grain of what is laid through it."""

import numpy as np
import pytest

from backend.deliver.dub_match import comparable, grain, grain_of, light_gain, octaves
from backend.deliver.dub_matte import faded_at_rims, head_matte, lower_face_matte, smoothed
from backend.face.points import CHIN, FACE_OVAL, FOREHEAD_TOP, JAW_LINE
from shared import layout

SIZE, CENTRE, RADIUS = 160, 80.0, 50.0
ORAL, FACE, HAIR, TORSO = range(4)


def landmarks(chin=0.0):
    """(478, 3) px of a round face in the middle; its jaw lower by `chin` px."""
    points = np.full((478, 3), CENTRE, np.float32)
    points[:, 2] = 0
    for index, name in enumerate(FACE_OVAL):
        angle = 2 * np.pi * index / len(FACE_OVAL)
        points[name, :2] = CENTRE + RADIUS * np.sin(angle), CENTRE - RADIUS * np.cos(angle)
    lower = [point for point in JAW_LINE if points[point, 1] > CENTRE + 20]
    points[lower, 1] += chin
    for right, left, height in ((50, 280, -10), (205, 425, 10)):
        points[right, :2], points[left, :2] = (CENTRE - 28, CENTRE + height), (CENTRE + 28, CENTRE + height)
    for name, x in ((98, -8), (2, 0), (327, 8)):
        points[name, :2] = CENTRE + x, CENTRE + 8
    assert points[FOREHEAD_TOP, 1] < points[CHIN, 1]
    return points


def mattes(chin=0.0, hair=None):
    """(SIZE, SIZE, 4) of a round face whose lower half reaches `chin` px lower, over a torso, with hair where asked."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    reach = RADIUS + np.where(y > CENTRE, chin, 0.0)
    inside = ((x - CENTRE) / RADIUS) ** 2 + ((y - CENTRE) / reach) ** 2 < 1
    found = np.zeros((SIZE, SIZE, 4), np.float32)
    found[..., FACE] = inside
    found[..., TORSO] = ~inside & (y > CENTRE + 30) & (abs(x - CENTRE) < 40)
    if hair is not None:
        found[hair] = np.eye(4, dtype=np.float32)[HAIR]
    return found


def regions(of):
    return np.rint(of * 255).astype(np.uint8)


def test_the_lower_face_is_covered_and_the_upper_is_untouched():
    matte = lower_face_matte(landmarks(), mattes(), regions(mattes()))
    assert matte.dtype == np.float32 and matte.shape == (SIZE, SIZE) and 0 <= matte.min() and matte.max() == 1.0
    assert (matte[105:128, 70:90] == 1.0).all(), "the mouth"
    assert (matte[:66] == 0.0).all(), "eyes, brows and forehead"
    assert (matte[:, :19] == 0.0).all() and (matte[:, -18:] == 0.0).all() and (matte[-7:] == 0.0).all()


@pytest.mark.parametrize(("recorded", "drawn"), [(14.0, 0.0), (0.0, 14.0), (14.0, 14.0)])
def test_the_lower_of_both_chins_is_covered(recorded, drawn):
    matte = lower_face_matte(landmarks(recorded), mattes(drawn), regions(mattes(recorded)))
    assert (matte[round(CENTRE + RADIUS + 14), 76:84] > 0.95).all()


def test_the_edge_is_soft_everywhere():
    matte = lower_face_matte(landmarks(), mattes(), regions(mattes()))
    steps = max(np.abs(np.diff(matte, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.2


def test_hair_beside_the_jaw_stays_as_it_was_shot():
    hair = np.s_[60:150, 118:134]
    matte = lower_face_matte(landmarks(), mattes(hair=hair), regions(mattes(hair=hair)))
    assert (matte[70:140, 122:130] == 0.0).all()
    moved = lower_face_matte(landmarks(), mattes(), regions(mattes(hair=hair)))
    assert moved[110, 118] > matte[110, 118], "where a jaw comes before the hair, it is covered"


def test_a_whole_head_is_covered_hair_and_all():
    hair = np.s_[20:60, 40:120]
    matte = head_matte(landmarks(), mattes(), regions(mattes(hair=hair)))
    assert (matte[20:60, 40:120] > 0.95).all() and (matte[60:125, 60:100] == 1.0).all()
    assert (matte[:, :20] == 0.0).all()


def test_a_rim_within_the_footage_fades_and_one_at_its_border_does_not():
    matte = np.ones((SIZE, SIZE), np.float32)
    faded = faded_at_rims(matte, (True, False, False, True), 5.0)
    assert (faded[:-12, 0] == 0).all() and (faded[-1] == 0).all() and (faded[0, 12:] == 1).all()
    assert (faded[:-12, -1] == 1).all()


def test_smoothing_keeps_constants_and_sums_and_ends():
    assert np.allclose(smoothed(np.full((20, 30), 0.7), 4), 0.7)
    spike = np.zeros((41, 41))
    spike[20, 20] = 1.0
    spread = smoothed(spike, 4)
    assert spread.sum() == pytest.approx(1.0) and spread[20, 33:].max() == pytest.approx(0.0, abs=1e-12)


def scene(light=1.0, noise=0.0, seed=0):
    """(SIZE, SIZE, 3) skin with a slow gradient and smooth blotches, under another light and with noise."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    skin = np.stack([0.6 + 0.2 * x, 0.45 + 0.1 * y, 0.4 + 0.05 * x * y], axis=2)
    skin = skin + 0.03 * np.sin(9 * x)[..., None] * np.cos(7 * y)[..., None]
    return skin * light + noise * np.random.default_rng(seed).standard_normal((SIZE, SIZE, 1))


def test_light_is_brought_to_the_footages_channel_by_channel():
    matte = lower_face_matte(landmarks(), mattes(), regions(mattes()))
    slope = 1.0 + 0.15 * np.mgrid[:SIZE, :SIZE][1][..., None] / SIZE
    footage, drawn = scene() * slope, scene(np.array([0.9, 0.95, 1.08]))
    weight = comparable(matte, np.ones((SIZE, SIZE)), 100.0)
    lit = drawn * light_gain(footage, drawn, weight, 100.0)
    edge = (matte > 0.02) & (matte < 0.98)
    assert np.abs(drawn - footage)[edge].mean() > 0.05 > 0.01 > np.abs(lit - footage)[edge].mean()
    assert np.abs(lit - footage)[matte == 1].mean() < 0.02


def test_what_only_one_picture_shows_does_not_tell_the_light():
    matte = lower_face_matte(landmarks(), mattes(), regions(mattes()))
    footage, drawn = scene(), scene()
    drawn[125:150, 60:100] = 0.05  # a dark collar where the footage has a chin
    weight = comparable(matte, np.ones((SIZE, SIZE)), 100.0)
    gain = light_gain(footage, drawn, weight, 100.0)
    assert np.abs(gain - 1.0).max() < 0.05


def test_nothing_to_compare_leaves_the_light_as_it_is():
    empty = np.zeros((SIZE, SIZE))
    assert (light_gain(scene(), scene(0.5), empty, 100.0) == 1.0).all()
    assert (np.array(grain_of(scene(), scene(), empty)) == 0.0).all()


def test_grain_is_as_strong_as_the_footages_inside_and_along_the_edge():
    matte = lower_face_matte(landmarks(), mattes(), regions(mattes()))
    footage, drawn = scene(noise=0.012), scene()
    weight = comparable(matte, np.ones((SIZE, SIZE)), 100.0)
    mixed = footage + matte[..., None] * (
        drawn + grain(matte, *grain_of(footage, drawn, weight), (0, 3))[..., None] - footage
    )  # fmt: skip
    fine = octaves(mixed @ [0.2126, 0.7152, 0.0722])[0][0]
    outside, inside = fine[matte == 0].std(), fine[matte == 1].std()
    along = fine[(matte > 0.2) & (matte < 0.8)].std()
    assert inside == pytest.approx(outside, rel=0.15) and along == pytest.approx(outside, rel=0.15)


def test_a_picture_that_has_its_own_grain_gets_none():
    matte = np.ones((SIZE, SIZE), np.float32)
    weight = np.ones((SIZE, SIZE))
    footage, drawn = scene(noise=0.01), scene(noise=0.012, seed=1)
    assert np.abs(grain(matte, *grain_of(footage, drawn, weight), (0, 1))).max() < 1e-9


def test_grain_belongs_to_its_footage_frame():
    matte, strong = np.ones((16, 16), np.float32), (np.array([0.01, 0.01]), np.zeros(2))
    one, again, other = (grain(matte, *strong, (0, frame)) for frame in (5, 5, 6))
    assert (one == again).all() and (one != other).any()


def test_names_of_regions_are_in_the_order_that_these_tests_take():
    assert layout.REGION_NAMES == ("oral", "face", "hair", "torso")
