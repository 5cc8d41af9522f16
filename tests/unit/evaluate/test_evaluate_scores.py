"""Scores against values known beforehand."""

import numpy as np
import pytest

from backend.evaluate import closure, metrics
from backend.evaluate.faces import LIPS, FaceTrack, expression_error, lip_distance, shake
from backend.evaluate.lip_sync import lips_follow
from backend.face.points import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, UPPER_LIP_INNER
from backend.performance.curves import SPEECH_CURVES

RNG = np.random.default_rng(0)


def noise_picture(size: int = 48) -> np.ndarray:
    return np.random.default_rng(1).integers(20, 230, (size, size, 3)).astype(np.uint8)


def regions_of_a_head_on_a_torso(size: int = 48) -> np.ndarray:
    maps = np.zeros((size, size, 4), np.uint8)
    maps[8:30, 12:36, 1] = 255
    maps[32:, :, 3] = 255
    maps[30:32, 12:36, 1] = maps[30:32, 12:36, 3] = 127
    return maps


def test_psnr_of_a_constant_error_is_what_the_formula_says():
    recorded = np.full((20, 20, 3), 100, np.uint8)
    assert metrics.psnr(recorded + 5, recorded) == pytest.approx(20 * np.log10(255 / 5))


def test_psnr_of_equal_pictures_is_finite():
    assert metrics.psnr(noise_picture(), noise_picture()) == metrics.PERFECT_DB


def test_psnr_over_a_region_does_not_see_errors_outside_it():
    recorded = noise_picture()
    drawn = recorded.copy()
    drawn[:, 24:] = 255 - drawn[:, 24:]
    left = np.zeros((48, 48))
    left[:, :24] = 1
    assert metrics.psnr(drawn, recorded, left) == metrics.PERFECT_DB
    assert metrics.psnr(drawn, recorded, 1 - left) < 12


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    recorded = noise_picture()
    noisy = np.clip(recorded + RNG.normal(0, 40, recorded.shape), 0, 255).astype(np.uint8)
    assert metrics.ssim(recorded, recorded) == pytest.approx(1.0)
    assert 0.5 < metrics.ssim(noisy, recorded) < 0.95
    assert metrics.ssim(255 - recorded, recorded) < 0


def test_ssim_ignores_a_small_change_of_brightness_but_not_of_structure():
    recorded = noise_picture()
    brighter = recorded + 5
    shifted = np.roll(recorded, 1, axis=1)
    assert metrics.ssim(brighter, recorded) > 0.99 > 0.2 > metrics.ssim(shifted, recorded)


def test_gmsd_is_zero_for_equal_pictures_and_rises_with_blur():
    import cv2

    recorded, everywhere = noise_picture(), np.ones((48, 48))
    assert metrics.gmsd(recorded, recorded, everywhere) == pytest.approx(0.0, abs=1e-9)
    little, much = (cv2.GaussianBlur(recorded, (0, 0), sigma) for sigma in (0.6, 1.5))
    assert 0 < metrics.gmsd(little, recorded, everywhere) < metrics.gmsd(much, recorded, everywhere)


def test_seam_sees_a_gap_at_the_neck_and_not_an_error_on_the_forehead():
    maps = regions_of_a_head_on_a_torso()
    recorded = np.full((48, 48, 3), 150, np.uint8)
    gap, forehead = recorded.copy(), recorded.copy()
    gap[30:32, 14:34] = 20
    forehead[10:12, 14:34] = 20
    assert metrics.seam(recorded, recorded, maps) == 0.0
    assert metrics.seam(forehead, recorded, maps) == 0.0
    assert metrics.seam(gap, recorded, maps) > 10
    assert np.isnan(metrics.seam(gap, recorded, np.zeros_like(maps)))


def test_the_heads_region_counts_spill_beyond_its_edge_but_not_the_torso():
    weight = metrics.head_weight(regions_of_a_head_on_a_torso(128))
    assert weight[20, 20] == weight[7, 20] == 1
    assert weight[60, 20] == weight[20, 60] == 0


def test_the_mouths_box_holds_the_lips_and_stays_inside_the_picture():
    box = metrics.mouth_weight(np.array([[10.0, 20.0], [30.0, 26.0]]), 40, 40)
    assert box[20:26, 10:30].all() and box[15:31, 5:35].all()
    assert box[:15].sum() == box[:, :5].sum() == 0
    assert metrics.mouth_weight(np.array([[-9.0, 35.0], [3.0, 44.0]]), 40, 40)[36:, :4].all()


def face_track(frames: int = 6) -> FaceTrack:
    rng = np.random.default_rng(3)
    return FaceTrack(rng.uniform(50, 200, (frames, 478, 3)), rng.random((frames, len(SPEECH_CURVES))))


def moved(track: FaceTrack, shift: np.ndarray) -> FaceTrack:
    return FaceTrack(track.landmarks + shift, track.expression.copy())


def test_lip_distance_of_a_shift_is_its_length_and_the_shape_is_untouched():
    shifted = moved(face_track(), np.array([3.0, 4.0, 9.0]))
    assert lip_distance(shifted, face_track(), centred=False) == pytest.approx(5.0)
    assert lip_distance(shifted, face_track(), centred=True) == pytest.approx(0.0, abs=1e-9)


def test_lip_distance_sees_the_lips_only():
    track = face_track()
    others = np.setdiff1d(np.arange(478), LIPS)
    track.landmarks[:, others] += 7
    assert (lip_distance(track, face_track(), centred=False) == 0.0).all()


def test_frames_without_a_face_have_no_score_and_no_neighbours():
    track = face_track()
    track.landmarks[2], track.expression[2] = np.nan, np.nan
    assert np.isfinite(lip_distance(track, face_track(), centred=False)).tolist() == [True, True, False] + 3 * [True]
    assert np.isfinite(expression_error(track, face_track())).tolist() == [True, True, False] + 3 * [True]
    assert track.found.tolist() == [True, True, False, True, True, True]
    assert np.isfinite(shake(track, face_track())).tolist() == [False, False, False, False, True, False]


def test_jitter_ignores_a_constant_drift_and_measures_a_shake():
    steps = np.arange(6.0)[:, None, None]
    assert shake(moved(face_track(), steps * 0.5), face_track())[1:-1] == pytest.approx(0.0, abs=1e-9)
    shaken = np.array([0, 1, 0, 1, 0, 1.0])[:, None, None] * np.array([1.0, 0, 0])
    assert shake(moved(face_track(), shaken), face_track())[1:-1] == pytest.approx(4.0)


def test_opening_is_in_face_heights():
    track = face_track(1)
    track.landmarks[0, [UPPER_LIP_INNER, LOWER_LIP_INNER, FOREHEAD_TOP, CHIN]] = [
        *([0, 50, 0], [0, 60, 0], [0, 0, 0], [0, 100, 0])
    ]
    assert track.opening == pytest.approx([0.1])


def test_lips_that_follow_late_are_found_at_their_lag():
    truth = RNG.standard_normal(200)
    late = np.roll(truth, 2)
    following = lips_follow(late, truth, np.zeros(200))
    assert following.best_lag == 2
    assert following.correlations.max() == pytest.approx(1.0)
    assert abs(following.at_zero) < 0.3


def test_a_static_mouth_follows_nothing_even_where_the_head_opens_it():
    turning = 2 * np.sin(np.arange(1000) / 5)
    recorded, rendered = turning + RNG.standard_normal(1000), turning + 0.3 * RNG.standard_normal(1000)
    assert np.corrcoef(rendered, recorded)[0, 1] > 0.7  # what the head's turning alone gives
    assert np.abs(lips_follow(rendered, recorded, turning).correlations).max() < 0.15


def test_too_few_faces_give_no_lag():
    opening = np.full(100, np.nan)
    assert lips_follow(opening, opening, opening).best_lag is None


def test_openings_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="lengths differ"):
        lips_follow(np.zeros(5), np.zeros(6), np.zeros(6))


PHONES = [closure.Phone(*phone) for phone in [("AA", 0.2, 0.4), ("P", 0.6, 0.7), ("SIL", 0.7, 0.8), ("B", 1.0, 1.1)]]


def openings() -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(40) / 25
    closed = ((times > 0.56) & (times < 0.74)) | ((times > 0.96) & (times < 1.14))
    return times, np.where(closed, 0.0, 0.1)


def closing(phones, times, rendered, recorded) -> tuple[float, float]:
    """How well closures close, and their number."""
    rows = closure.openings_at_phones(phones, times, rendered, recorded)
    return closure.contrast(rows), closure.count(rows)


def test_lips_that_close_as_recorded_score_one_and_lips_that_never_close_score_zero():
    times, recorded = openings()
    assert closing(PHONES, times, recorded, recorded) == pytest.approx((1.0, 2))
    assert closing(PHONES, times, np.full(40, 0.1), recorded) == pytest.approx((0.0, 2))
    assert closing(PHONES, times, 0.5 * recorded, recorded)[0] == pytest.approx(0.5)


def test_closures_are_scored_from_the_rows_of_any_frames():
    times, recorded = openings()
    rows = closure.openings_at_phones(PHONES, times, 0.5 * recorded, recorded)
    assert np.isfinite(rows).sum(axis=0).tolist() == [2, 2, 1, 1]
    shuffled = np.random.default_rng(0).permutation(rows)
    assert closure.contrast(shuffled) == pytest.approx(0.5)
    assert closure.contrast(np.concatenate([rows, rows])) == pytest.approx(0.5)


def test_two_closures_at_one_time_are_both_counted():
    times, recorded = openings()
    twice = [*PHONES, closure.Phone("M", 0.6, 0.7)]
    assert closing(twice, times, recorded, recorded) == pytest.approx((1.0, 3))


def test_closure_needs_bilabials_vowels_and_faces():
    times, recorded = openings()
    assert closing([], times, recorded, recorded) == pytest.approx((np.nan, 0), nan_ok=True)
    assert closing(PHONES[1:], times, recorded, recorded) == pytest.approx((np.nan, 2), nan_ok=True)
    assert closing(PHONES, times, np.full(40, np.nan), recorded) == pytest.approx((np.nan, 0), nan_ok=True)
    assert np.isnan(closing(PHONES, times, recorded, np.full(40, 0.1))[0])


@pytest.mark.skipif(not closure.is_available(), reason="pocketsphinx is not installed")
def test_no_phones_are_heard_in_silence():
    phones = closure.find_phones(np.zeros(16000, np.float32))
    assert not [phone for phone in phones if phone.name in closure.BILABIALS + closure.OPEN_VOWELS]
