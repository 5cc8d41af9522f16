"""Performance curves: names, cleaning, resampling, file."""

import json
from fractions import Fraction

import numpy as np
import pytest

from backend.performance.curves import (
    CURVE_NAMES,
    FACE_CURVES,
    SPEECH_CURVES,
    SPOKEN_CURVES,
    UPPER_CURVES,
    Performance,
    from_track,
)
from backend.performance.lips import LIP_CURVES
from shared.errors import InputError


def test_speech_upper_and_lip_curves_are_all_curves_once():
    assert len(SPEECH_CURVES) == 27 and len(UPPER_CURVES) == 24 and len(LIP_CURVES) == 5
    assert len(set(CURVE_NAMES)) == 56 and CURVE_NAMES == SPEECH_CURVES + UPPER_CURVES + tuple(LIP_CURVES)
    assert SPOKEN_CURVES == SPEECH_CURVES + tuple(LIP_CURVES)


def test_curves_come_from_the_blend_shapes_of_their_name_and_bridge_lost_frames():
    names = ["_neutral", *reversed(FACE_CURVES)]
    shapes = np.zeros((3, len(names)), np.float32)
    jaw, blink = names.index("jawOpen"), names.index("eyeBlinkLeft")
    shapes[:, jaw] = [0.2, 0.9, 0.6]
    shapes[:, blink] = [0.0, 0.9, 1.0]
    curves = from_track(shapes, names, confidence=np.array([1.0, 0.0, 1.0]))
    assert curves.shape == (3, 51)
    assert np.allclose(curves[:, CURVE_NAMES.index("jawOpen")], [0.2, 0.4, 0.6])
    assert np.allclose(curves[:, CURVE_NAMES.index("eyeBlinkLeft")], [0.0, 0.5, 1.0])


def test_a_missing_blend_shape_or_no_face_at_all_is_refused():
    with pytest.raises(InputError, match="jawOpen"):
        from_track(np.zeros((2, 1)), ["_neutral"])
    with pytest.raises(InputError, match="No frame"):
        from_track(np.zeros((2, 51)), FACE_CURVES, confidence=np.zeros(2))


def test_a_performance_comes_back_as_it_was_saved(tmp_path):
    values = np.random.default_rng(0).random((7, len(CURVE_NAMES))).astype(np.float32)
    Performance.from_array(Fraction(24000, 1001), values).save(tmp_path / "performance.json")
    assert json.loads((tmp_path / "performance.json").read_text())["fps"] == "24000/1001"
    again = Performance.load(tmp_path / "performance.json")
    assert again.fps == Fraction(24000, 1001) and again.frame_count == 7
    assert np.abs(again.array() - values).max() < 1e-6


def test_curves_that_are_not_there_are_zero():
    performance = Performance(Fraction(25), {"jawOpen": np.ones(2, np.float32)})
    values = performance.array(("mouthClose", "jawOpen"))
    assert values.tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_resampling_keeps_the_time_and_holds_the_end():
    performance = Performance(Fraction(10), {"jawOpen": np.arange(5, dtype=np.float32)})
    assert (
        performance.resampled(Fraction(20), 12).curves["jawOpen"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5] + [4] * 4
    )
    assert performance.resampled(Fraction(10), 6).curves["jawOpen"].tolist() == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"fps": "25/1"}',
        '{"fps": "0/1", "curves": {"jawOpen": [1]}}',
        '{"fps": "25/1", "curves": {}}',
        '{"fps": "25/1", "curves": {"jawOpen": []}}',
        '{"fps": "25/1", "curves": {"jawOpen": [1], "mouthClose": [1, 2]}}',
        '{"fps": "25/1", "curves": {"jawOpen": [NaN]}}',
        '{"fps": "25/1", "curves": {"jawOpen": ["wide"]}}',
    ],
)
def test_a_file_that_is_no_performance_is_the_callers_error(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError):
        Performance.load(tmp_path / "p.json")


def test_a_value_that_is_no_number_is_named_by_curve_and_frame(tmp_path):
    path = tmp_path / "performance.json"
    path.write_text('{"fps": "25", "curves": {"jawOpen": [0, 0, NaN], "mouthClose": [0, 0, 0]}}')
    with pytest.raises(InputError, match="jawOpen holds no number in frame 3"):
        Performance.load(path)
