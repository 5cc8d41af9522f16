"""Intervals against answers known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.evaluate import bootstrap
from backend.evaluate.bootstrap import Drawn, Interval, blocks_of
from backend.evaluate.scores import mean

FPS = 25.0


def noise(count: int, memory: int, seed: int) -> np.ndarray:
    """(count,) noise of deviation 1 that changes little within `memory` frames."""
    draw = np.random.default_rng(seed)
    values = np.convolve(draw.standard_normal(count + memory - 1), np.ones(memory) / np.sqrt(memory), "valid")
    return values[:count]


def in_blocks(values: np.ndarray, blocks: list[np.ndarray]) -> list[np.ndarray]:
    return [values[block] for block in blocks]


def interval(rows: list[np.ndarray], pool=mean, seed: int = 0) -> Interval:
    return Drawn.of(rows, pool, seed).interval()


def difference(reference: list[np.ndarray], rows: list[np.ndarray], pool=mean, seed: int = 0) -> Interval:
    return Drawn.of(rows, pool, seed).less(Drawn.of(reference, pool, seed))


def width(one: Interval) -> float:
    return one.ends[1] - one.ends[0]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 400)


def coverage(folds: list[np.ndarray], memory: int, trials: int = 150) -> float:
    """Share of the intervals that hold the true mean, 3."""
    blocks, count = blocks_of(folds, FPS), sum(map(len, folds))
    found = [interval(in_blocks(3 + noise(count, memory, seed), blocks), mean, seed) for seed in range(trials)]
    return float(np.mean([one.ends[0] <= 3.0 <= one.ends[1] for one in found]))


@pytest.mark.parametrize("count", [100, 250])
def test_intervals_of_95_percent_hold_a_known_mean_as_often_though_neighbours_are_alike(count):
    assert 0.88 < coverage([np.arange(count)], memory=6) <= 1.0


def test_intervals_over_folds_hold_it_too_though_each_fold_has_an_error_of_its_own():
    folds = [np.arange(11 * k, 11 * k + 11) for k in range(11)]
    assert 0.88 < coverage(folds, memory=11) <= 1.0


def test_noise_that_is_the_same_over_a_block_makes_no_narrow_interval():
    folds, frames = [np.arange(240)], 240
    blocks = blocks_of(folds, FPS)
    widths = {}
    for memory in (1, 12):
        found = [interval(in_blocks(noise(frames, memory, seed), blocks), mean, seed) for seed in range(20)]
        widths[memory] = np.mean([width(one) for one in found])
    one_by_one = [interval(list(noise(frames, 12, seed)[:, None]), mean, seed) for seed in range(20)]
    naive = np.mean([width(one) for one in one_by_one])
    assert widths[12] > 2.5 * widths[1] and widths[12] > 2.5 * naive
    assert widths[12] == pytest.approx(2 * 1.96 * np.sqrt(12 / frames), rel=0.35)


def test_a_model_beside_itself_differs_by_nothing_for_sure():
    blocks = blocks_of([np.arange(100)], FPS)
    rows = in_blocks(noise(100, 5, 0), blocks)
    same = difference(rows, rows, mean)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert not same.excludes_zero


def test_in_the_other_order_the_sign_is_the_other_one():
    blocks = blocks_of([np.arange(100)], FPS)
    a, b = in_blocks(noise(100, 5, 0), blocks), in_blocks(noise(100, 5, 1) + 1, blocks)
    there, back = difference(a, b, mean), difference(b, a, mean)
    assert (back.value, *back.ends) == pytest.approx((-there.value, -there.ends[1], -there.ends[0]))
    assert there.value > 0


def test_what_both_models_share_does_not_blur_their_difference():
    blocks = blocks_of([np.arange(200)], FPS)
    shared = 10 * noise(200, 12, 0)
    a, b = shared, shared + 0.3 + 0.1 * noise(200, 3, 1)
    paired = difference(in_blocks(a, blocks), in_blocks(b, blocks), mean)
    assert paired.excludes_zero and paired.value == pytest.approx(0.3, abs=0.1)
    assert width(interval(in_blocks(a, blocks), mean)) > 10 * width(paired)


def test_a_difference_of_nothing_but_noise_is_rarely_called_one():
    blocks = blocks_of([np.arange(150)], FPS)
    called = [
        difference(in_blocks(noise(150, 8, 2 * s), blocks), in_blocks(noise(150, 8, 2 * s + 1), blocks), mean, s)
        for s in range(100)
    ]
    assert np.mean([one.excludes_zero for one in called]) < 0.12


def test_blocks_are_half_a_second_at_least_and_stay_within_their_fold():
    blocks = blocks_of([np.arange(45), np.arange(100, 130), np.arange(200, 208)], FPS)
    assert [len(block) for block in blocks] == [15, 15, 15, 15, 15, 8]
    assert np.concatenate(blocks).tolist() == list(range(83))
    folds = [np.arange(45) for _ in range(bootstrap.ENOUGH_FOLDS)]
    assert [len(block) for block in blocks_of(folds, FPS)] == [45] * bootstrap.ENOUGH_FOLDS


def test_a_fold_too_short_for_blocks_has_a_figure_and_no_interval():
    found = interval(in_blocks(np.arange(20.0), blocks_of([np.arange(20)], FPS)), mean)
    assert found == Interval(9.5)
    assert np.isnan(interval([], mean).value)
    assert np.isnan(interval([np.full(5, np.nan)] * 6, mean).value)


def test_a_score_that_few_draws_can_give_has_no_interval():
    rows = [np.array([np.nan]), np.array([np.nan]), np.array([np.nan]), np.array([2.0])]
    assert interval(rows, mean) == Interval(2.0)


def test_other_blocks_cannot_be_compared():
    with pytest.raises(ValueError, match="3 blocks beside 4"):
        difference([np.zeros(2)] * 3, [np.zeros(2)] * 4, mean)


def test_means_are_drawn_as_any_other_score_is():
    rows = in_blocks(np.where(np.arange(100) % 7, noise(100, 5, 0), np.nan), blocks_of([np.arange(100)], FPS))
    quick, slow = Drawn.of(rows, mean), Drawn.of(rows, lambda values: mean(values))
    assert quick.draws == pytest.approx(slow.draws) and quick.value == slow.value
