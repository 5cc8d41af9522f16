"""Scores of measured faces against values known beforehand."""

import numpy as np
import pytest

from backend.evaluate.action_units import LOWER_UNITS, UPPER_UNITS, intensities
from backend.evaluate.face_scores import (
    MISSED_EXPRESSION,
    action_unit_errors,
    expression_errors,
    faces_found,
    lip_distances,
    lip_shape_distances,
    shaking,
)
from backend.evaluate.faces import LIPS, barely_changed
from backend.face.points import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, UPPER_LIP_INNER
from backend.performance.curves import FACE_CURVES
from tests.support.face_tracks import face_track, moved, without
from tests.support.scored_pictures import photograph


def test_lip_distance_of_a_shift_is_its_length_and_the_shape_is_untouched():
    shifted = moved(face_track(), np.array([3.0, 4.0, 9.0]))
    assert lip_distances(shifted, face_track()) == pytest.approx(5.0)
    assert lip_shape_distances(shifted, face_track()) == pytest.approx(0.0, abs=1e-9)


def test_lip_distance_sees_the_lips_only():
    track = face_track()
    track.landmarks[:, np.setdiff1d(np.arange(478), LIPS)] += 7
    assert (lip_distances(track, face_track()) == 0.0).all()


def test_a_drawn_face_that_is_not_found_is_charged_and_never_better_than_a_poor_one():
    recorded = face_track()
    recorded.landmarks[:, 61], recorded.landmarks[:, 291] = [100, 150, 0], [140, 180, 0]
    drawn = without(recorded, 2)
    assert faces_found(drawn, recorded).tolist() == [1, 1, 0, 1, 1, 1]
    for distances in (lip_distances, lip_shape_distances):
        assert distances(drawn, recorded) == pytest.approx([0, 0, 50, 0, 0, 0])
    assert expression_errors(drawn, recorded)[2] == MISSED_EXPRESSION
    assert action_unit_errors(drawn, recorded, UPPER_UNITS)[2] == MISSED_EXPRESSION
    poor = moved(recorded, np.array([30.0, 0, 0]))
    poor.expression[:] = 1 - poor.expression
    assert lip_distances(poor, recorded)[2] < lip_distances(drawn, recorded)[2]
    assert expression_errors(poor, recorded)[2] < expression_errors(drawn, recorded)[2]


def test_a_frame_without_a_recorded_face_counts_for_nothing():
    drawn, recorded = face_track(), without(face_track(), 2)
    scores = [
        faces_found(drawn, recorded),
        lip_distances(drawn, recorded),
        lip_shape_distances(drawn, recorded),
        expression_errors(drawn, recorded),
        action_unit_errors(drawn, recorded, LOWER_UNITS),
    ]
    for values in scores:
        assert np.isfinite(values).tolist() == [True, True, False, True, True, True]


def test_expression_errors_are_those_of_jaw_and_lips_only():
    drawn = face_track()
    drawn.expression[:, FACE_CURVES.index("browInnerUp")] += 0.5
    assert (expression_errors(drawn, face_track()) == 0).all()
    drawn.expression[:, FACE_CURVES.index("jawOpen")] += 0.27
    assert expression_errors(drawn, face_track()) == pytest.approx(0.01)


def test_action_units_are_means_of_both_sides_and_upper_and_lower_ones_are_apart():
    curves = np.zeros((1, len(FACE_CURVES)))
    curves[0, FACE_CURVES.index("mouthSmileLeft")] = 0.6
    units = dict(zip(LOWER_UNITS, intensities(curves, LOWER_UNITS)[0], strict=True))
    assert units["AU12"] == pytest.approx(0.3) and sum(units.values()) == pytest.approx(0.3)
    names = [name for units in (UPPER_UNITS, LOWER_UNITS) for names in units.values() for name in names]
    assert len(names) == len(set(names)) and set(names) < set(FACE_CURVES)


@pytest.mark.parametrize(
    "curve, upper, lower", [("eyeBlinkLeft", 0.1, 0), ("jawOpen", 0, 0.2), ("eyeLookUpLeft", 0, 0)]
)
def test_an_error_of_a_curve_is_one_of_its_half_of_the_face(curve, upper, lower):
    drawn = face_track()
    drawn.expression[:, FACE_CURVES.index(curve)] += 0.2
    for units, error in ((UPPER_UNITS, upper), (LOWER_UNITS, lower)):
        assert action_unit_errors(drawn, face_track(), units) == pytest.approx(error / len(units), abs=1e-12)


def test_shaking_ignores_a_constant_drift_and_measures_a_shake():
    steps = np.arange(6.0)[:, None, None]
    assert shaking(moved(face_track(), steps * 0.5), face_track())[1:-1] == pytest.approx(0.0, abs=1e-9)
    shake = np.array([0, 1, 0, 1, 0, 1.0])[:, None, None] * np.array([1.0, 0, 0])
    assert shaking(moved(face_track(), shake), face_track())[1:-1] == pytest.approx(4.0)


def test_shaking_is_never_taken_across_a_frame_without_a_face():
    still = face_track(9)
    jumped = moved(still, np.repeat([0.0, 50.0], [4, 5])[:, None, None])
    assert np.isnan(shaking(without(jumped, 4), still)[3:6]).all()
    known = shaking(without(jumped, 4), still)
    assert known[np.isfinite(known)] == pytest.approx(0.0)
    assert np.nanmax(shaking(jumped, still)) > 1000


def test_opening_is_in_face_heights():
    track = face_track(1)
    track.landmarks[0, [UPPER_LIP_INNER, LOWER_LIP_INNER, FOREHEAD_TOP, CHIN]] = [
        *([0, 50, 0], [0, 60, 0], [0, 0, 0], [0, 100, 0])
    ]
    assert track.opening == pytest.approx([0.1])


def test_a_barely_changed_picture_differs_by_one_code_value_and_the_same_way_again():
    picture = photograph()
    picture[:9], picture[-9:] = 0, 255
    changed = barely_changed(picture, 5)
    difference = changed.astype(int) - picture
    assert set(np.unique(difference)) == {-1, 0, 1}
    assert np.array_equal(changed, barely_changed(picture, 5))
    assert not np.array_equal(changed, barely_changed(picture, 6))
