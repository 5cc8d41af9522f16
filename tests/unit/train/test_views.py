"""What a step sees of a frame: whole small frames, then crops of large ones that show the same thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from backend.settings import ViewSettings
from backend.train.data import TrainingData
from backend.train.trainer import prepare, steps
from backend.train.views import BACKGROUND_INTEREST, View, ViewSampler, interest_in
from shared.training import Length
from tests.support.synthetic_subject import SIZE, TINY

FINE, CROP = 64, 24
MOUTH, EYES = np.array([0.5, 0.75]), np.array([[0.3, 0.3], [0.7, 0.3]])


def sampler(interest: np.ndarray | None = None, seed: int = 0, **changes: Any) -> ViewSampler:
    settings = replace(ViewSettings(coarse_size=16, crop=CROP), **changes)
    everywhere = np.ones((16, 16)) if interest is None else interest
    return ViewSampler(settings, 16, FINE, MOUTH[None], EYES[None], everywhere, seed)


def middles(views: list[View]) -> np.ndarray:
    """(N, 2) x and y as shares of the frame's side."""
    return np.array([[v.left + v.width / 2, v.top + v.height / 2] for v in views]) / FINE


def test_a_training_begins_with_whole_small_frames_and_goes_on_with_crops_of_large_ones():
    views = sampler()
    assert views.draw(0, 3, coarse=True) == View.whole(16)
    late = [views.draw(0, step) for step in range(300)]
    assert {(v.size, v.height, v.width) for v in late} == {(FINE, CROP, CROP)}
    assert all(0 <= v.top <= FINE - CROP and 0 <= v.left <= FINE - CROP for v in late)


def test_views_depend_on_seed_and_step_alone():
    first, second = sampler(), sampler()
    drawn = [first.draw(0, step) for step in range(50)]
    assert drawn == [second.draw(0, step) for step in reversed(range(50))][::-1]
    assert drawn != [sampler(seed=1).draw(0, step) for step in range(50)]


def test_a_frame_that_is_no_larger_than_a_crop_is_seen_whole():
    settings = ViewSettings(coarse_size=16, crop=100)
    views = ViewSampler(settings, 16, FINE, MOUTH[None], EYES[None], np.ones((16, 16)), 0)
    assert views.draw(0, 1) == View.whole(FINE)
    same = ViewSampler(settings, FINE, FINE, MOUTH[None], EYES[None], np.ones((16, 16)), 0)
    assert same.draw(0, 1) == View.whole(FINE)


@pytest.mark.parametrize(("kind", "centres"), [("mouth", [MOUTH]), ("eyes", list(EYES))])
def test_crops_on_mouth_and_eyes_lie_about_them(kind, centres):
    shares: dict[str, Any] = {"mouth": 0.0, "eyes": 0.0, kind: 1.0}
    views = sampler(**shares)
    found = middles([views.draw(0, step) for step in range(400)])
    nearest = np.linalg.norm(found[:, None] - np.array(centres)[None], axis=2)
    assert nearest.min(axis=1).max() < 0.2
    assert set(nearest.argmin(axis=1)) == set(range(len(centres)))


def test_while_the_mouth_learns_alone_every_crop_shows_it():
    views = sampler(mouth=0.0, eyes=1.0, mouth_crop=CROP - 8)
    drawn = [views.draw(0, step, mouth_alone=True) for step in range(100)]
    assert {(v.height, v.width) for v in drawn} == {(CROP - 8, CROP - 8)}
    assert np.linalg.norm(middles(drawn) - MOUTH, axis=1).max() < 0.2


def test_other_crops_are_where_there_is_something_to_learn():
    interest = np.full((16, 16), 1e-6)
    interest[8, 4] = 1.0
    views = sampler(interest, mouth=0.0, eyes=0.0)
    found = middles([views.draw(0, step) for step in range(200)])
    assert np.abs(found - [4.5 / 16, 8.5 / 16]).max() < 0.05


def test_head_and_soft_edges_are_of_more_interest_than_torso_and_background():
    regions = np.zeros((2, 60, 60, 4), np.uint8)
    regions[:, :20, :, 1] = 255
    regions[:, 20:30, :, 1] = 128
    regions[:, 45:, :, 3] = 255
    interest = interest_in(regions)
    head, edge, background, torso = interest[5, 30], interest[25, 30], interest[37, 30], interest[57, 30]
    assert edge > head > torso > background == pytest.approx(BACKGROUND_INTEREST, abs=1e-3)


def test_a_view_says_where_a_box_of_the_frame_lies_in_it():
    view = View(64, 10, 20, 24, 24)
    assert view.inside(np.array([12, 20, 30, 60])) == (slice(2, 10), slice(10, 24))
    rows, columns = view.inside(np.array([40, 50, 0, 10]))
    assert rows.start == rows.stop and columns.start == columns.stop


def test_a_crop_is_the_whole_frame_s_pixels_and_rays(subject):
    data = TrainingData(subject, SIZE // 2, fine=SIZE)
    whole, view = data.sample(3, View.whole(SIZE)), View(SIZE, 6, 9, 12, 16)
    part = data.sample(3, view)
    for name in ("rgb", "regions", "background"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[view.rows, view.columns]), name
    shifted, camera = whole.intrinsics, part.intrinsics
    assert (camera.width, camera.height) == (16, 12)
    assert (camera.fx, camera.fy) == (shifted.fx, shifted.fy)
    assert (camera.cx, camera.cy) == (shifted.cx - 9, shifted.cy - 6)


def test_a_crop_is_drawn_as_that_part_of_the_whole_picture(subject):
    shown = replace(TINY.portrait, inside_share=0.0)
    run = prepare(subject, replace(TINY, portrait=shown, size=SIZE, views=ViewSettings(coarse_size=SIZE // 2, crop=12)))
    run.portrait.trained_size = SIZE
    view = View(SIZE, 6, 9, 12, 16)
    with torch.no_grad():
        whole, _ = run.portrait(run.drive, 3, run.data.camera(View.whole(SIZE)))
        part, _ = run.portrait(run.drive, 3, run.data.camera(view))
    assert float(part.alpha.max()) > 0.5
    torch.testing.assert_close(part.rgb, whole.rgb[view.rows, view.columns], atol=5e-4, rtol=0)
    torch.testing.assert_close(part.alpha, whole.alpha[view.rows, view.columns], atol=5e-4, rtol=0)


def test_a_model_is_drawn_at_the_size_that_it_learned_from_last(subject):
    run = prepare(subject, replace(TINY, views=ViewSettings(coarse_size=SIZE // 2, coarse_share=0.5, crop=16)))
    sizes = [run.portrait.trained_size or 0 for _ in steps(run)]
    assert sizes[0] == SIZE // 2 and sizes[-1] == SIZE and sizes == sorted(sizes)


def test_a_further_round_goes_on_with_crops(subject):
    run = prepare(subject, replace(TINY, views=ViewSettings(coarse_size=SIZE // 2, coarse_share=0.5, crop=16)))
    for _ in steps(run):
        pass
    run.begin_round(Length(6))
    assert {run.portrait.trained_size for _ in steps(run)} == {SIZE}
