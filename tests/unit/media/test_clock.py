"""A clip's clock: rates that the timestamps bear out, clocks that begin anew, holes."""

from fractions import Fraction

import pytest

from backend.media.clock import SteadyClock, believed_rate, is_variable, without_holes


def times(rate: Fraction, count: int = 50) -> list[Fraction]:
    return [number / rate for number in range(count)]


@pytest.mark.parametrize(
    ("stated", "actual", "believed"),
    [
        ([Fraction(25)], Fraction(25), Fraction(25)),
        ([Fraction(60000), Fraction(25)], Fraction(25), Fraction(25)),
        ([Fraction(60000), Fraction(90000)], Fraction(30000, 1001), Fraction(30000, 1001)),
        ([None, None], Fraction(24), Fraction(24)),
        ([Fraction(30)], Fraction(27), Fraction(30)),
    ],
)
def test_a_stated_rate_is_believed_where_the_timestamps_bear_it_out(stated, actual, believed):
    assert believed_rate(stated, times(actual)) == believed


def test_without_timestamps_the_stated_rate_is_all_there_is():
    assert believed_rate([None, Fraction(25)], []) == 25
    assert believed_rate([None], [Fraction(0)]) is None


def test_a_clock_that_begins_anew_goes_on_one_frame_later():
    clock = SteadyClock()
    stamps = [*times(Fraction(25), 20), *times(Fraction(25), 20)]
    assert [clock.time(stamp) for stamp in stamps] == times(Fraction(25), 40)


def test_a_clock_that_leaps_by_hours_goes_on():
    clock = SteadyClock()
    assert [clock.time(Fraction(stamp)) for stamp in (0, 1, 95444, 95445)] == [0, 1, 2, 3]


def test_pictures_that_a_cut_off_file_lacks_at_its_end_make_no_varying_rate():
    whole = times(Fraction(25), 100)
    assert not is_variable(whole[:90] + whole[92:94] + whole[97:98], Fraction(25))
    assert is_variable(whole[:50] + whole[53:], Fraction(25))
    assert is_variable([*times(Fraction(25), 10), Fraction(2)], Fraction(25))


def test_a_pause_and_reordered_stamps_are_left_as_they_are():
    clock = SteadyClock()
    stamps = [Fraction(0), Fraction(2, 25), Fraction(1, 25), Fraction(3, 25), Fraction(30)]
    assert [clock.time(stamp) for stamp in stamps] == stamps


def test_pictures_after_a_hole_keep_their_time_and_the_hole_is_told():
    said: list[str] = []
    kept = [(Fraction(number, 25), number) for number in (0, 1, 2, 6, 7)]
    found = [picture for _, picture in without_holes(iter(kept), Fraction(25), said.append)]
    assert found == [0, 1, 2, 2, 2, 2, 6, 7]
    assert "3 pictures are missing" in said[0]


def test_a_clip_without_a_hole_is_left_as_it_is():
    said: list[str] = []
    kept = [(number / Fraction(30000, 1001) + Fraction(number % 2, 400), number) for number in range(9)]
    assert list(without_holes(iter(kept), Fraction(30000, 1001), said.append)) == kept
    assert said == []
