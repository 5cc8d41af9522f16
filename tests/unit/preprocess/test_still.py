"""Where mattes are in doubt, time tells what is background: what is never covered never changes."""

from __future__ import annotations

import numpy as np
import pytest

from backend.preprocess.background import estimate_plate
from backend.preprocess.still import never_covered, without_background

SIZE, FRAMES = 96, 30


def clip(background, shade=30, noise=1.0, sway=8.0, frames=FRAMES):
    """A disc that sways before a background (H, W); its mattes take everything near it that is as dark for a part of
    it. Returns pictures, mattes and the true alphas."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    pictures, mattes, truth = [], [], []
    for frame in range(frames):
        away = np.hypot(x - SIZE / 2 - sway * np.sin(frame / 3), y - SIZE / 2)
        alpha = np.clip(24.5 - away, 0, 1)
        shown = alpha * shade + (1 - alpha) * background + noise * rng.standard_normal((SIZE, SIZE))
        doubtful = (away < 40) & (np.abs(background - shade) < 12)
        pictures.append(np.repeat(np.clip(shown, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
        mattes.append((255 * np.maximum(alpha, 0.6 * doubtful)).astype(np.uint8))
        truth.append(alpha)
    return pictures, mattes, truth


@pytest.fixture
def bushes():
    """Bright, with dark spots beside where the disc sways."""
    background = np.full((SIZE, SIZE), 120.0)
    background[36:44, 8:12] = background[60:66, 83:87] = background[10:16, 44:52] = 30.0
    return background


def test_dark_spots_beside_a_dark_coat_are_background_and_are_seen_by_the_plate(bushes):
    pictures, mattes, truth = clip(bushes)
    assert max(np.abs(matte / 255.0 - alpha).max() for matte, alpha in zip(mattes, truth, strict=True)) > 0.5
    still = never_covered(pictures, mattes)
    plate = estimate_plate(pictures, mattes, still)
    for picture, matte, alpha in zip(pictures, mattes, truth, strict=True):
        cleaned = without_background(matte.astype(np.float32) / 255.0, picture, plate, still)
        assert (cleaned - alpha).max() < 0.25, "spots are still a part of the person"
        assert (cleaned - alpha).min() > -0.15, "the person has lost something"
    assert abs(float(plate[40, 10, 0]) - 30) < 3 and abs(float(plate[13, 48, 0]) - 30) < 3


def test_where_a_dark_coat_is_before_the_same_dark_nothing_of_it_is_lost():
    pictures, mattes, truth = clip(np.full((SIZE, SIZE), 30.0))
    still = never_covered(pictures, mattes)
    plate = estimate_plate(pictures, mattes, still)
    for picture, matte, alpha in zip(pictures, mattes, truth, strict=True):
        cleaned = without_background(matte.astype(np.float32) / 255.0, picture, plate, still)
        assert (cleaned - alpha)[alpha > 0.99].min() > -0.02


def test_somebody_who_once_leans_over_keeps_what_leans_over(bushes):
    pictures, mattes, truth = clip(bushes)
    far, far_mattes, far_truth = clip(bushes, sway=30.0, frames=6)
    still = never_covered(pictures, mattes)
    plate = estimate_plate(pictures, mattes, still)
    for picture, matte, alpha in zip(far, far_mattes, far_truth, strict=True):
        cleaned = without_background(matte.astype(np.float32) / 255.0, picture, plate, still)
        spots = np.abs(bushes - 30) < 1  # as dark as the coat: nobody can tell there
        assert (cleaned - alpha)[~spots].min() > -0.35 and np.abs(cleaned - alpha)[~spots].mean() < 0.01


@pytest.mark.parametrize("kind", ["camera moves", "too few", "nobody", "deep"])
def test_a_clip_that_cannot_tell_changes_nothing_and_deep_pictures_tell_the_same(bushes, kind):
    pictures, mattes, _ = clip(bushes)
    if kind == "camera moves":
        pictures = [np.roll(picture, 4 * index, axis=1) for index, picture in enumerate(pictures)]
        rng = np.random.default_rng(1)
        texture = rng.integers(0, 120, (SIZE, SIZE, 1)).astype(np.uint8)
        pictures = [picture // 2 + np.roll(texture, 3 * index, axis=0) for index, picture in enumerate(pictures)]
    elif kind == "too few":
        pictures, mattes = pictures[:6], mattes[:6]
    elif kind == "nobody":
        mattes = [matte * 0 for matte in mattes]
    else:
        deep = [picture.astype(np.uint16) * 257 for picture in pictures]
        assert np.array_equal(never_covered(deep, mattes), never_covered(pictures, mattes))
        return
    assert not never_covered(pictures, mattes).any()
