"""Closures of the lips: what must count as closed, and what must not."""

import numpy as np
import pytest

from backend.evaluate import phones
from backend.evaluate.closure import FEWEST, closure, closure_count, closure_rows
from backend.evaluate.phones import Phone

FRAMES = 250
TIMES = np.arange(FRAMES) / 25
PHONES = [
    phone
    for start in np.arange(0.5, 9.5, 1.0)
    for phone in (Phone("AA", start, start + 0.2), Phone("P", start + 0.5, start + 0.58), Phone("S", 9.8, 9.9))
]


def recorded_lips(lead: float = 0.1) -> np.ndarray:
    """Open but for three or four frames around `lead` seconds before each P."""
    opening = np.full(FRAMES, 0.1)
    for phone in PHONES:
        if phone.name == "P":
            opening[np.abs(TIMES - (phone.start_s - lead)) < 0.065] = 0.0
    return opening


RECORDED = recorded_lips()


def score(drawn: np.ndarray, recorded: np.ndarray = RECORDED) -> float:
    return closure(closure_rows(PHONES, TIMES, drawn, recorded))


def test_lips_that_close_as_recorded_score_one_and_lips_that_never_close_score_zero():
    assert score(RECORDED) == pytest.approx(1.0)
    assert score(np.full(FRAMES, 0.1)) == pytest.approx(0.0)
    assert score(0.03 + 0.5 * RECORDED) == pytest.approx(0.5)
    assert closure_count(closure_rows(PHONES, TIMES, RECORDED, RECORDED)) == 9


@pytest.mark.parametrize("lead", [0.0, 0.08, 0.12])
def test_a_closure_is_found_as_far_before_the_phone_as_lips_close(lead):
    closing = recorded_lips(lead)
    rows = closure_rows(PHONES, TIMES, closing, closing)
    assert np.nanmax(rows[:, 1]) < 0.06
    assert closure(rows) == pytest.approx(1.0)


def test_lips_a_frame_late_are_charged_little_and_much_later_ones_much():
    late = [score(np.roll(RECORDED, frames)) for frames in (0, 1, 2, 3, 6)]
    assert late[1] > 0.7 and late[3] < 0.4 and late[4] == pytest.approx(0.0)
    assert (np.diff(late) <= 1e-9).all()


def test_a_mouth_that_flaps_closes_nothing_in_the_mean():
    rng = np.random.default_rng(0)
    flaps = [0.05 + 0.05 * np.sin(TIMES * 2 * np.pi * rng.uniform(3, 6) + rng.uniform(0, 7)) for _ in range(300)]
    scores = np.array([score(flap) for flap in flaps])
    assert abs(scores.mean()) < 4 * scores.std() / np.sqrt(300)


def test_faces_that_are_not_found_at_closures_do_not_count_as_closed():
    drawn = RECORDED.copy()
    drawn[(RECORDED < 0.05) & (TIMES > 5)] = np.nan
    drawn[np.roll(RECORDED < 0.05, 1) & (TIMES > 5)] = np.nan
    drawn[np.roll(RECORDED < 0.05, -1) & (TIMES > 5)] = np.nan
    assert score(drawn) == pytest.approx(5 / 9, abs=0.01)
    assert score(np.full(FRAMES, np.nan)) == 0.0


def test_phones_without_all_their_frames_are_left_out():
    recorded = RECORDED.copy()
    recorded[(TIMES > 3.8) & (TIMES < 4.3)] = np.nan
    assert closure_count(closure_rows(PHONES, TIMES, RECORDED, recorded)) == 8
    part = (TIMES > 0.9) & (TIMES < 3.15)
    assert closure_count(closure_rows(PHONES, TIMES[part], RECORDED[part], RECORDED[part])) == 2


def test_too_few_closures_give_no_figure_until_folds_are_pooled():
    parts = [slice(0, 70), slice(70, 130), slice(130, FRAMES)]
    rows = [closure_rows(PHONES, TIMES[part], RECORDED[part], RECORDED[part]) for part in parts]
    assert all(closure_count(part) < FEWEST and np.isnan(closure(part)) for part in rows)
    pooled = np.concatenate(rows)
    assert closure_count(pooled) >= FEWEST and closure(pooled) == pytest.approx(1.0)


def test_there_is_no_figure_without_vowels_without_phones_and_where_the_recorded_lips_do_not_close():
    only_closures = [phone for phone in PHONES if phone.name == "P"]
    assert np.isnan(closure(closure_rows(only_closures, TIMES, RECORDED, RECORDED)))
    assert closure_count(closure_rows([], TIMES, RECORDED, RECORDED)) == 0
    assert np.isnan(score(RECORDED, np.full(FRAMES, 0.1)))


@pytest.mark.skipif(not phones.is_available(), reason="pocketsphinx is not installed")
def test_no_phones_are_heard_in_silence():
    heard = phones.find_phones(np.zeros(16000, np.float32))
    assert not [phone for phone in heard if phone.name in ("AA", "P", "B", "M")]
