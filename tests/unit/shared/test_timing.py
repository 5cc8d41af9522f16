"""Frames and seconds are exact."""

from fractions import Fraction

import pytest

from shared.timing import (
    fps_text,
    frame_count,
    frame_times,
    parse_fps,
    parse_frame_range,
    samples_for_frames,
)

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(120)]


@pytest.mark.parametrize("fps", RATES)
def test_the_first_frame_is_shown_at_0_and_every_other_at_its_exact_time_rounded_once(fps):
    times = frame_times(14385, fps)
    assert len(times) == 14385 and times[0] == 0.0
    for frame in (2, 999, 14385):
        assert times[frame - 1] == float((frame - 1) / fps)


@pytest.mark.parametrize("fps", RATES)
def test_a_ten_minute_line_drifts_by_less_than_half_a_frame(fps):
    frames = frame_count(600 * 48000, 48000, fps)
    samples = samples_for_frames(frames, 48000, fps)
    drift_frames = abs(Fraction(samples, 48000) * fps - frames)
    assert drift_frames < Fraction(1, 2)
    assert abs(samples - Fraction(frames * 48000) / fps) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("25", Fraction(25)),
        (25, Fraction(25)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_frame_rates_are_read_as_what_they_stand_for(text, fps):
    assert parse_fps(text) == fps
    assert parse_fps(fps_text(fps)) == fps


@pytest.mark.parametrize("text", ["0", "-25", "fast", "25/0", "2000", ""])
def test_what_is_no_frame_rate_is_refused(text):
    with pytest.raises(ValueError, match="frame rate"):
        parse_fps(text)


def test_a_line_has_as_many_frames_as_cover_it():
    assert frame_count(8 * 16000, 16000, Fraction(25)) == 200
    assert frame_count(8 * 16000 + 1, 16000, Fraction(25)) == 201


def test_frame_ranges_are_inclusive_and_may_be_open():
    assert parse_frame_range("3:7", 10) == (3, 7)
    assert parse_frame_range("3:", 10) == (3, 10)
    assert parse_frame_range(":7", 10) == (1, 7)
    assert parse_frame_range("4", 10) == (4, 4)


@pytest.mark.parametrize("text", ["0:3", "5:4", "1:11", "a:b", "1:2:3"])
def test_frame_ranges_outside_the_line_are_refused(text):
    with pytest.raises(ValueError, match="frame range"):
        parse_frame_range(text, 10)


@pytest.mark.parametrize("given", ["1e99999999", "1e-99999999", "9" * 5000, f"1/{9**999}", "inf", "nan", float("inf")])
def test_a_rate_that_would_take_for_ever_to_compute_is_none(given):
    with pytest.raises(ValueError, match="frame rate"):
        parse_fps(given)


def test_a_rate_may_be_written_with_an_exponent():
    assert parse_fps("2.5e1") == 25
