"""An artist's edits: what was changed is kept, and lips go with a jaw that was opened by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES, Performance
from backend.performance.editing import with_edits, with_lips_following
from backend.performance.lips import LIP_CURVES, lips_by_shapes

FRAMES = 12
JAW, LOWER = SPEECH_CURVES.index("jawOpen"), "lipsApart"
FOLLOW = np.zeros((len(SPEECH_CURVES), len(LIP_CURVES)))
FOLLOW[JAW, list(LIP_CURVES).index(LOWER)] = -0.8


def following(change: np.ndarray) -> np.ndarray:
    return change @ FOLLOW


def line() -> Performance:
    values = np.random.default_rng(0).uniform(0.3, 0.6, (FRAMES, len(CURVE_NAMES))).astype(np.float32)
    return Performance.from_array(Fraction(25), values)


def driving(given: Performance, predicted: Performance | None = None, follow=None) -> Performance:
    predicted = predicted or line()
    return with_lips_following(with_edits(predicted, given), predicted, follow or following)


def edited(**changes: np.ndarray) -> Performance:
    saved = line().as_saved()
    return Performance(saved.fps, {**saved.curves, **changes})


def test_without_an_edit_the_line_stays_as_it_is():
    curves = driving(edited()).curves
    assert all(np.abs(curves[name] - line().curves[name]).max() < 1e-6 for name in CURVE_NAMES)


def test_a_jaw_that_is_opened_by_hand_takes_the_lips_along_where_it_was_opened():
    jaw = line().curves["jawOpen"].copy()
    jaw[4] += 0.2
    made, base = driving(edited(jawOpen=jaw)).curves, line().curves
    moved = made[LOWER] - base[LOWER]
    assert made["jawOpen"][4] == pytest.approx(jaw[4]) and moved[4] == pytest.approx(-0.16, abs=1e-5)
    assert np.abs(np.delete(moved, 4)).max() < 1e-6
    assert all(np.abs(made[name] - base[name]).max() < 1e-6 for name in CURVE_NAMES if name not in ("jawOpen", LOWER))


def test_lips_that_were_edited_themselves_stay_where_they_were_put():
    jaw, lower = line().curves["jawOpen"] + 0.2, np.full(FRAMES, 0.7, np.float32)
    made = driving(edited(jawOpen=jaw, lipsApart=lower)).curves
    assert (made[LOWER] == np.float32(0.7)).all()


def test_an_edit_is_undone_by_undoing_it_and_lips_follow_where_they_were_not_edited():
    jaw, lips = line().curves["jawOpen"].copy(), line().curves[LOWER].copy()
    jaw[3:6] += 0.2
    lips[4] = 0.9
    kept = with_edits(line(), edited(jawOpen=jaw, lipsApart=lips)).as_saved()
    moved = driving(kept).curves[LOWER] - line().curves[LOWER]
    assert driving(kept).curves[LOWER][4] == pytest.approx(0.9) and moved[[3, 5]] == pytest.approx(-0.16, abs=1e-5)
    again = Performance(kept.fps, {**kept.curves, "jawOpen": line().curves["jawOpen"]})
    left = driving(again).curves[LOWER] - line().curves[LOWER]
    assert np.abs(np.delete(left, 4)).max() < 2e-6


def test_values_stay_curves_and_older_models_have_no_lips_to_follow():
    made = driving(edited(jawOpen=np.full(FRAMES, 7.0, np.float32))).curves
    assert (made["jawOpen"] == 1.0).all() and min(curve.min() for curve in made.values()) >= 0.0
    older = Performance(Fraction(25), {name: line().curves[name] for name in SPEECH_CURVES})
    opened = driving(edited(jawOpen=np.ones(FRAMES, np.float32)), older, lambda change: np.zeros((len(change), 0)))
    assert (opened.curves["jawOpen"] == 1.0).all()


def test_how_lips_follow_is_what_the_footage_shows():
    draw = np.random.default_rng(1)
    shapes = draw.uniform(0, 0.5, (300, len(SPEECH_CURVES)))
    lips = shapes @ FOLLOW + 0.5
    assert lips_by_shapes(shapes, lips) == pytest.approx(FOLLOW, abs=0.05)
    assert (lips_by_shapes(np.zeros((20, 27)), np.zeros((20, 5))) == 0.0).all()
