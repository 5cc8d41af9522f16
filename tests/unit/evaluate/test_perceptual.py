"""The perceptual distance: its order of what spoils a picture, and what must not pass for good."""

import numpy as np
import pytest

from backend.evaluate import metrics
from backend.evaluate.perceptual import difference, perceptual, structure
from tests.support.scored_pictures import blurred, compressed, cracked, needled, noisy, photograph, shifted

RECORDED = photograph(192)
EVERYWHERE = np.ones(RECORDED.shape[:2], np.float32)


def distance(drawn: np.ndarray, weight: np.ndarray = EVERYWHERE) -> float:
    return perceptual(difference(structure(drawn), structure(RECORDED)), weight)


def test_equal_pictures_have_no_distance_and_it_is_the_same_both_ways():
    assert distance(RECORDED) == pytest.approx(0.0, abs=1e-6)
    spoilt, recorded = structure(blurred(RECORDED, 2)), structure(RECORDED)
    there, back = (perceptual(difference(*pair), EVERYWHERE) for pair in [(spoilt, recorded), (recorded, spoilt)])
    assert there == pytest.approx(back, rel=1e-6)


@pytest.mark.parametrize(
    "spoil, strengths",
    [
        (blurred, (0.6, 1, 2, 4)),
        (noisy, (1, 4, 12, 30)),
        (shifted, (0.25, 0.5, 1, 3)),
        (compressed, (95, 70, 30, 8)),
        (needled, (5, 20, 80, 300)),
        (cracked, (2, 4, 8, 16)),
    ],
)
def test_the_more_a_picture_is_spoilt_the_further_it_is(spoil, strengths):
    distances = [distance(spoil(RECORDED, strength)) for strength in strengths]
    assert (np.diff([0.0, *distances]) > 0.005).all(), distances


@pytest.mark.parametrize("spoilt", [needled(RECORDED, 40), cracked(RECORDED, 5)], ids=["needles", "cracks"])
def test_needles_and_cracks_cost_more_than_light_and_place_at_the_same_psnr(spoilt):
    level = metrics.psnr(spoilt, RECORDED)
    brighter = np.clip(RECORDED.astype(int) + 9, 0, 255).astype(np.uint8)
    moved = shifted(RECORDED, 0.6)
    assert metrics.psnr(brighter, RECORDED) < level + 3 and metrics.psnr(moved, RECORDED) < level + 3
    assert distance(spoilt) > 1.3 * distance(moved) and distance(spoilt) > 5 * distance(brighter)


def test_what_gmsd_takes_for_perfect_is_not():
    inverted = 255 - RECORDED
    assert metrics.gmsd(inverted, RECORDED, EVERYWHERE) < 1e-3
    assert distance(inverted) > 0.3
    flat = np.full_like(RECORDED, 128)
    assert distance(flat) > 0.4


def test_colour_counts_though_luma_is_the_same():
    luma_kept = RECORDED.astype(int) + np.array([30, -21, 30])  # 0.299 * 30 + 0.114 * 30 = 0.587 * 21
    tinted = np.clip(luma_kept, 0, 255).astype(np.uint8)
    assert distance(tinted) > 2 * distance(np.clip(RECORDED.astype(int) + 10, 0, 255).astype(np.uint8))


def test_only_the_region_counts_and_an_empty_one_has_no_distance():
    half = RECORDED.copy()
    half[:, 96:] = blurred(RECORDED, 3)[:, 96:]
    left = np.zeros_like(EVERYWHERE)
    left[:, :48] = 1
    assert distance(half, left) < 0.02 < distance(half, 1 - left)
    assert np.isnan(distance(half, np.zeros_like(EVERYWHERE)))


def test_pictures_of_any_shape_are_compared_and_of_two_shapes_refused():
    odd = RECORDED[:61, :97]
    spoilt = structure(blurred(odd, 2))
    assert 0 < perceptual(difference(spoilt, structure(odd)), np.ones((61, 97))) < 1
    with pytest.raises(ValueError, match="differ in size"):
        difference(spoilt, structure(RECORDED))
