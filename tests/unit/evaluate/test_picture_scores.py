"""Scores of pictures against values known beforehand."""

import numpy as np
import pytest

from backend.evaluate import metrics, weights
from tests.support.scored_pictures import blurred, noisy, photograph, shifted

EVERYWHERE = np.ones((128, 128), np.float32)
NOWHERE = np.zeros((128, 128), np.float32)


def test_psnr_of_a_constant_error_is_what_the_formula_says():
    recorded = np.full((20, 20, 3), 100, np.uint8)
    assert metrics.psnr(recorded + 5, recorded) == pytest.approx(20 * np.log10(255 / 5))
    assert metrics.psnr(recorded - 5, recorded) == pytest.approx(20 * np.log10(255 / 5))


def test_psnr_counts_the_channels_together():
    recorded = np.full((20, 20, 3), 100, np.uint8)
    red = recorded + np.array([9, 0, 0], np.uint8)
    assert metrics.psnr(red, recorded) == pytest.approx(20 * np.log10(255 / np.sqrt(27)))


def test_psnr_of_equal_pictures_is_finite():
    assert metrics.psnr(photograph(), photograph()) == metrics.PERFECT_DB


def test_psnr_over_a_region_does_not_see_errors_outside_it():
    recorded = photograph()
    drawn = recorded.copy()
    drawn[:, 64:] = 255 - drawn[:, 64:]
    left = NOWHERE.copy()
    left[:, :64] = 1
    assert metrics.psnr(drawn, recorded, left) == metrics.PERFECT_DB
    assert metrics.psnr(drawn, recorded, 1 - left) < 15


def temporal_psnr(picture, before, recorded, recorded_before, weight=None) -> float:
    """As evaluate.scores makes it, which keeps the error for several regions."""
    return metrics.decibels(metrics.squared_change_error(picture, before, recorded, recorded_before), weight)


def test_an_empty_region_is_not_a_perfect_one():
    recorded, drawn = photograph(), photograph(seed=2)
    assert np.isnan(metrics.psnr(drawn, recorded, NOWHERE))
    assert np.isnan(metrics.gmsd(drawn, recorded, NOWHERE))
    assert np.isnan(temporal_psnr(drawn, drawn, recorded, recorded, NOWHERE))


def test_flicker_lowers_temporal_psnr_by_what_the_formula_says_and_a_standing_error_does_not():
    before, now = photograph() // 2 + 40, photograph(seed=2) // 2 + 40
    assert temporal_psnr(now + 9, before + 9, now, before) == metrics.PERFECT_DB
    assert temporal_psnr(now + 4, before - 4, now, before) == pytest.approx(20 * np.log10(255 / 8))


def test_a_frozen_picture_has_no_perfect_temporal_psnr_where_the_recorded_one_moves():
    before = photograph()
    now = shifted(before, 1)
    still = temporal_psnr(before, before, now, before)
    assert still == pytest.approx(metrics.psnr(now, before))
    assert still < temporal_psnr(blurred(now, 1), blurred(before, 1), now, before)


def ssim(picture: np.ndarray, recorded: np.ndarray) -> float:
    return metrics.ssim(metrics.statistics(picture), metrics.statistics(recorded))


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    recorded = photograph()
    assert ssim(recorded, recorded) == pytest.approx(1.0)
    assert 0.4 < ssim(noisy(recorded, 20), recorded) < ssim(noisy(recorded, 5), recorded) < 0.99
    assert ssim(255 - recorded, recorded) < 0


def test_ssim_ignores_a_small_change_of_brightness_but_not_of_structure():
    recorded = np.random.default_rng(1).integers(20, 230, (48, 48, 3)).astype(np.uint8)
    assert ssim(recorded + 5, recorded) > 0.99 > 0.2 > ssim(np.roll(recorded, 1, axis=1), recorded)


def test_gmsd_of_two_ramps_is_what_the_papers_equations_give():
    rows = np.arange(60)[:, None, None]
    recorded = np.broadcast_to(4 * rows, (60, 60, 3)).astype(np.uint8)
    drawn = recorded.copy()
    drawn[:, 30:] = (2 * rows + 60).astype(np.uint8)
    # Halved, the ramps rise by 8 and 4 a pixel; Prewitt's operator by 3 gives twice that.
    similarity = (2 * 16 * 8 + 170) / (16**2 + 8**2 + 170)
    inside = np.zeros((60, 60))
    inside[8:-8, 4:24] = inside[8:-8, 36:56] = 1
    assert metrics.gmsd(drawn, recorded, inside) == pytest.approx((1 - similarity) / 2, abs=1e-6)


def test_gmsd_is_zero_for_equal_pictures_and_rises_with_blur():
    recorded = photograph()
    assert metrics.gmsd(recorded, recorded, EVERYWHERE) == 0.0
    little, much = (metrics.gmsd(blurred(recorded, sigma), recorded, EVERYWHERE) for sigma in (0.8, 2))
    assert 0 < little < much


def regions_of_a_head_on_a_torso(size: int = 48) -> np.ndarray:
    maps = np.zeros((size, size, 4), np.uint8)
    maps[8:30, 12:36, 1] = 255
    maps[32:, :, 3] = 255
    maps[30:32, 12:36, 1] = maps[30:32, 12:36, 3] = 127
    return maps


def test_seam_sees_a_gap_at_the_neck_and_not_an_error_on_the_forehead():
    maps = regions_of_a_head_on_a_torso()
    neck = weights.neck_band(maps)
    recorded = np.full((48, 48, 3), 150, np.uint8)
    gap, forehead = recorded.copy(), recorded.copy()
    gap[30:32, 14:34] = 20
    forehead[10:12, 14:34] = 20
    assert metrics.seam(recorded, recorded, neck) == 0.0
    assert metrics.seam(forehead, recorded, neck) == 0.0
    assert metrics.seam(gap, recorded, neck) > 10
    assert np.isnan(metrics.seam(gap, recorded, np.zeros_like(neck)))


def test_the_heads_region_counts_spill_beyond_its_edge_but_not_the_torso():
    weight = weights.head_weight(regions_of_a_head_on_a_torso(128))
    assert weight[20, 20] == weight[7, 20] == 1
    assert weight[60, 20] == weight[20, 60] == 0


def test_face_and_hair_share_a_pixel_as_their_maps_do():
    maps = np.zeros((4, 4, 4), np.uint8)
    maps[0, 0], maps[1, 1], maps[2, 2] = (51, 102, 102, 0), (0, 0, 255, 0), (0, 0, 0, 255)
    face, hair = weights.face_weight(maps), weights.hair_weight(maps)
    assert (face[0, 0], hair[0, 0]) == pytest.approx((0.6, 0.4))
    assert (face[1, 1], hair[1, 1]) == (0, 1)
    assert face[2, 2] == hair[2, 2] == face[3, 3] == 0


def test_the_edge_is_the_outline_against_the_background_and_not_the_neck_nor_the_inside():
    maps = regions_of_a_head_on_a_torso()
    maps = np.kron(maps, np.ones((10, 10, 1), np.uint8))
    edge = weights.edge_weight(maps)
    assert edge[150, 118:123].all() and edge[80, 200] == 1
    assert edge[150, 110] == edge[150, 200] == 0
    assert not edge[290:, 130:350].any() and not edge[320:].any()
    assert not weights.edge_weight(np.zeros_like(maps)).any()


def test_the_mouths_box_holds_the_lips_and_stays_inside_the_picture():
    box = weights.mouth_weight(np.array([[10.0, 20.0], [30.0, 26.0]]), 40, 40)
    assert box[20:26, 10:30].all() and box[15:31, 5:35].all()
    assert box[:15].sum() == box[:, :5].sum() == 0
    assert weights.mouth_weight(np.array([[-9.0, 35.0], [3.0, 44.0]]), 40, 40)[36:, :4].all()
