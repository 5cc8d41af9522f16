"""The drawn presenter speaks, and its ground truth is where it is drawn."""

from fractions import Fraction

import numpy as np
import pytest

from backend.face.mesh import load_canonical_face
from backend.presenter.footage import camera_from_head, draw_footage
from backend.presenter.geometry import INNER_LIPS, Presenter
from backend.presenter.motion import mouth_curves, presenter_motion
from backend.presenter.speech import speak


@pytest.fixture(scope="module")
def line():
    return speak("Papa bought a map.")


@pytest.fixture(scope="module")
def face():
    return load_canonical_face()


def test_lips_are_closed_at_every_p_b_and_m(line):
    grid = np.arange(0, line.duration_s, 0.005)
    curves = mouth_curves(line, grid)
    ends = [start for start, _ in line.phonemes[1:]] + [line.duration_s]
    for (start, name), end in zip(line.phonemes, ends, strict=True):
        if name in ("p", "b", "m") and end - start > 0.03:
            inside = (grid >= start) & (grid < end)
            assert curves[inside, 1].max() > 0.6
            assert curves[inside, 0].min() < 0.15


def test_the_mouth_opens_for_an_open_vowel(line):
    curves = mouth_curves(line, np.arange(0, line.duration_s, 0.01))
    assert curves[:, 0].max() > 0.6


@pytest.mark.slow
def test_the_jaw_parts_lips_that_touch_at_rest(face):
    presenter = Presenter(face)
    still = np.zeros(2)
    upper, lower = INNER_LIPS[15], INNER_LIPS[5]
    gaps = [
        np.subtract(*presenter.posed(np.array([jaw, 0, 0, 0, 0.0]), 0.0, still)["face"][[upper, lower], 1])
        for jaw in (0.0, 1.0)
    ]
    assert abs(gaps[0]) < 0.1
    assert gaps[1] > 1.0


def test_the_drawn_face_is_where_the_ground_truth_says(face, line):
    frames: list[np.ndarray] = []
    truth = draw_footage(line, face, frames.append, fps=Fraction(4), width=160, height=128)
    presenter = Presenter(face)
    assert len(frames) == len(truth.camera_from_head) == int(line.duration_s * 4)
    nose_tip, forehead = 1, 10
    for frame, pose in zip(frames, truth.camera_from_head, strict=True):
        for vertex in (nose_tip, forehead):
            x, y, z = pose[:3, :3] @ presenter.face_rest[vertex] + pose[:3, 3]
            column = truth.focal_px * x / z + truth.principal_px[0]
            row = truth.focal_px * y / z + truth.principal_px[1]
            red, green, blue = frame[int(row), int(column)].astype(int)
            assert red > green > blue


def test_motion_is_the_same_for_the_same_seed(line):
    times = np.arange(0, line.duration_s, 0.04)
    first, again, other = (camera_from_head(presenter_motion(line, times, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
