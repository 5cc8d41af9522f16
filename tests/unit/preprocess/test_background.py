"""The background plate from frames in which someone is in the way."""

import numpy as np
import pytest

from backend.media.fill import fill
from backend.preprocess.background import estimate_plate

SIZE, COUNT = 64, 40


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Background (S, S, 3), frames and alphas (T, S, S[, 3]): a slanted background, a box that moves before it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    background = np.stack([60 + x, 200 - y, 80 + 0.5 * x + 0.5 * y], axis=2)
    frames, alphas = [], []
    for t in range(COUNT):
        alpha = np.zeros((SIZE, SIZE))
        left = 16 + round(6 * np.sin(t / 3))
        alpha[20:, left : left + 24] = 1.0
        noisy = background + rng.normal(0, 2, background.shape)
        frames.append(np.clip(np.where(alpha[..., None] > 0, 30, noisy), 0, 255).astype(np.uint8))
        alphas.append((255 * alpha).astype(np.uint8))
    return background, np.array(frames), np.array(alphas)


def test_the_plate_shows_the_background_wherever_it_was_ever_clear():
    background, frames, alphas = scene()
    plate = estimate_plate(frames, alphas).astype(float)
    seen = (alphas == 0).sum(axis=0) > 12
    assert np.abs(plate - background)[seen].mean() < 1.5


def test_what_was_never_seen_is_filled_smoothly_from_around():
    background, frames, alphas = scene()
    plate = estimate_plate(frames, alphas).astype(float)
    never = (alphas == 255).all(axis=0)
    assert never.sum() > 100
    assert np.abs(plate - background)[never].mean() < 15
    assert np.abs(np.diff(plate, axis=1))[:, 1:-1].max() < 20


def test_one_flash_does_not_change_the_plate():
    _, frames, alphas = scene()
    flashed = frames.copy()
    flashed[7] = 255
    change = np.abs(estimate_plate(frames, alphas).astype(int) - estimate_plate(flashed, alphas))
    assert change.mean() < 1.0


def test_mattes_may_be_floats():
    _, frames, alphas = scene()
    np.testing.assert_array_equal(estimate_plate(frames, alphas), estimate_plate(frames, alphas / 255.0))


def test_only_a_fixed_number_of_frames_is_read_however_long_the_clip():
    class Counted(list):
        reads = 0

        def __getitem__(self, index):
            Counted.reads += 1
            return super().__getitem__(index)

    _, frames, alphas = scene()
    estimate_plate(Counted(frames), list(alphas), max_samples=8)
    assert Counted.reads == 8


def test_counts_that_differ_are_refused():
    _, frames, alphas = scene()
    with pytest.raises(ValueError, match="40 frames and 39"):
        estimate_plate(frames, alphas[:-1])


def test_filling_keeps_what_is_known_and_stays_within_its_range():
    rng = np.random.default_rng(2)
    picture = rng.uniform(50, 150, (33, 47, 3)).astype(np.float32)
    known = rng.random((33, 47)) > 0.5
    filled = fill(picture, known)
    np.testing.assert_allclose(filled[known], picture[known], atol=1e-3)
    assert filled.min() >= 49.9 and filled.max() <= 150.1


def test_a_picture_of_which_nothing_is_known_becomes_grey():
    assert (fill(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), bool)) == 128).all()
