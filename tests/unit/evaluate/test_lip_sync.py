"""Correlation of lips, with the recorded lips and with the sound: what must score and what must not."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.evaluate.lip_sync import LAGS, head_motion, lip_correlation, lip_correlations, lip_lag, lip_rows
from backend.evaluate.voice_sync import voice_rows, voice_sync
from backend.media.audio_features import MELS, AudioFeatures
from tests.support.face_tracks import speech_like

FRAMES = 200
TURNS = np.stack([np.sin(np.arange(FRAMES) / k) for k in (9, 14, 23)], axis=1) * 0.15
PLACES = np.stack([np.cos(np.arange(FRAMES) / k) for k in (11, 17, 29)], axis=1) * 2.0
"""Centimetres."""
MOTION = np.column_stack([TURNS, PLACES])
BY_TURNING = TURNS @ [4.0, 1.0, -2.0] + 30 * TURNS[:, 0] ** 2 - 20 * TURNS[:, 1] * TURNS[:, 2]
OPENED_BY_TURNING = BY_TURNING + 0.3 * PLACES[:, 1]
"""How much more open the mouth looks as the head moves, against a spread of 1 of its own motion."""


def following(drawn, recorded, moved=MOTION) -> SimpleNamespace:
    rows = lip_rows(drawn, recorded, moved)
    return SimpleNamespace(at_zero=lip_correlation(rows), best_lag=lip_lag(rows), correlations=lip_correlations(rows))


def assert_zero_in_the_mean(scores):
    scores = np.array(scores)
    assert abs(scores.mean()) < 4 * scores.std() / np.sqrt(len(scores))
    assert scores.std() < 0.4


def test_the_same_lips_score_one_at_no_lag_whatever_their_unit():
    recorded = speech_like(np.random.default_rng(0), FRAMES)[0] + OPENED_BY_TURNING
    found = following(7 + 0.1 * recorded, recorded)
    assert found.at_zero == pytest.approx(1.0) and found.best_lag == 0
    assert following(-recorded, recorded).at_zero == pytest.approx(-1.0)


def test_unrelated_lips_score_nothing_in_the_mean_of_many_draws():
    rng = np.random.default_rng(1)
    drawn, recorded = (speech_like(rng, FRAMES, 300) + OPENED_BY_TURNING for _ in range(2))
    assert (
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(drawn, recorded, strict=True)]) > 0.15
    )  # by the turning alone
    assert_zero_in_the_mean([following(a, b).at_zero for a, b in zip(drawn, recorded, strict=True)])


def test_a_mouth_that_stands_still_scores_nothing():
    rng = np.random.default_rng(2)
    recorded = speech_like(rng, FRAMES, 300) + OPENED_BY_TURNING
    assert following(np.full(FRAMES, 0.03), recorded[0]).at_zero == 0.0
    assert following(OPENED_BY_TURNING, recorded[0]).at_zero == pytest.approx(0.0, abs=1e-3)
    measured = OPENED_BY_TURNING + 0.05 * rng.standard_normal((300, FRAMES))
    assert_zero_in_the_mean([following(a, b).at_zero for a, b in zip(measured, recorded, strict=True)])


@pytest.mark.parametrize("lag", [-3, 2, 5])
def test_lips_that_are_late_are_found_at_their_lag(lag):
    motion = speech_like(np.random.default_rng(3), FRAMES + 20)[0]
    recorded, drawn = motion[10 : 10 + FRAMES], motion[10 - lag : 10 - lag + FRAMES]
    found = following(drawn, recorded)
    assert found.best_lag == lag
    assert found.correlations[LAGS == lag] > 0.95 > 0.8 > found.at_zero


def test_a_lag_is_never_taken_across_frames_that_are_not_scored():
    motion = speech_like(np.random.default_rng(4), FRAMES + 2)[0]
    recorded, drawn = motion[2:].copy(), motion[:-2].copy()
    scored = np.arange(FRAMES) % 17 < 8
    recorded[~scored] = drawn[~scored] = np.nan
    found = following(drawn, recorded, np.zeros((FRAMES, 6)))
    assert found.best_lag == 2 and found.correlations[LAGS == 2] > 0.97
    beside = np.zeros((scored.sum(), 6))
    assert following(drawn[scored], recorded[scored], beside).correlations[LAGS == 2] < 0.9


def test_frames_of_several_folds_are_pooled():
    motion = speech_like(np.random.default_rng(5), FRAMES)[0]
    folds = [slice(k, k + 20) for k in range(0, FRAMES, 20)]
    rows = [lip_rows(motion[part], motion[part], MOTION[part]) for part in folds]
    assert np.isnan(lip_correlation(rows[0]))
    assert lip_correlation(np.concatenate(rows)) == pytest.approx(1.0)


def test_lips_that_are_not_found_count_as_lips_at_rest():
    recorded = speech_like(np.random.default_rng(6), FRAMES)[0]
    drawn = recorded.copy()
    drawn[::2] = np.nan
    assert following(drawn, recorded).at_zero == pytest.approx(np.sqrt(0.5), abs=0.1)
    unseen = np.where(np.arange(FRAMES) % 2 == 0, np.nan, recorded)
    assert following(recorded, unseen).at_zero == pytest.approx(1.0, abs=0.02)


def test_too_few_faces_give_no_figure():
    nowhere = np.full(FRAMES, np.nan)
    found = following(nowhere, nowhere)
    assert np.isnan(found.best_lag) and np.isnan(found.at_zero)


def test_openings_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="lengths differ"):
        lip_rows(np.zeros(5), np.zeros(6), np.zeros((6, 6)))


def test_motion_is_angles_and_shifts_from_the_mean_pose():
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (3, 1, 1))
    angles = np.array([-0.2, 0.0, 0.2])
    poses[:, :3, :3] = Rotation.from_rotvec(angles[:, None] * [0, 1, 0]).as_matrix() @ poses[:, :3, :3]
    poses[:, 2, 3] = 50.0, 51.0, 55.0
    expected = np.column_stack([angles[:, None] * [0, 1, 0], [0, 0, 0], [0, 0, 0], [-2, -1, 3]])
    assert head_motion(poses) == pytest.approx(expected, abs=1e-9)


LEAD = 3
"""Frames by which lips lead their sound."""


def heard(motion: np.ndarray) -> AudioFeatures:
    """The sound of lips that moved so (T,), 25 to the second, LEAD frames earlier; some of it is not theirs."""
    times = np.arange(0, (len(motion) + 40) / 25, 0.005)
    loud = np.interp(times * 25, np.arange(len(motion)) + LEAD, motion)
    noise = 0.5 * speech_like(np.random.default_rng(9), len(times) // 8 + 1)[0].repeat(8)[: len(times)]
    return AudioFeatures(np.repeat((loud + noise)[:, None], MELS, axis=1).astype(np.float32), 200.0)


def confidence(drawn, recorded, features):
    rows = voice_rows(drawn, recorded, TURNS, features, np.arange(FRAMES) / 25)
    return voice_sync(rows)


def test_lips_of_the_sound_have_a_peak_as_high_as_the_recorded_ones():
    recorded = speech_like(np.random.default_rng(7), FRAMES)[0]
    features = heard(recorded)
    drawn, own = confidence(2 * recorded + BY_TURNING, recorded + BY_TURNING, features)
    assert drawn == pytest.approx(own) and own > 0.5


def test_lips_of_another_sentence_and_flapping_ones_have_none():
    rng = np.random.default_rng(8)
    recorded = speech_like(rng, FRAMES, 200)
    others = speech_like(rng, FRAMES, 200)
    assert_zero_in_the_mean([confidence(a, b, heard(b))[0] for a, b in zip(others, recorded, strict=True)])
    flaps = [np.sin(np.arange(FRAMES) * 2 * np.pi / 6 + phase) for phase in rng.uniform(0, 2 * np.pi, 200)]
    assert_zero_in_the_mean([confidence(a, b, heard(b))[0] for a, b in zip(flaps, recorded, strict=True)])


def test_a_still_mouth_and_late_lips_have_none():
    motion = speech_like(np.random.default_rng(10), FRAMES + 8)[0]
    recorded, late = motion[8:], motion[:-8]
    features = heard(recorded)
    assert confidence(np.full(FRAMES, 0.4), recorded, features)[0] == pytest.approx(0.0, abs=1e-9)
    late_score, own = confidence(late, recorded, features)
    assert late_score < 0.3 * own


def test_without_enough_faces_there_is_no_confidence():
    nowhere = np.full(FRAMES, np.nan)
    drawn, own = confidence(nowhere, nowhere, heard(np.zeros(FRAMES)))
    assert np.isnan(drawn) and np.isnan(own)
