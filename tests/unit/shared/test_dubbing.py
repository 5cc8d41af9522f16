"""Which frames of the footage a line is dubbed over, as text."""

from fractions import Fraction

import pytest

from shared.dubbing import DubRange, dub_text, footage_frames, parse_dub, ranges_of


def test_ranges_show_the_footage_at_exact_speeds():
    ranges = parse_dub("2:4=11, 6:9=20@1/2,11:12=30@-3")
    assert footage_frames(ranges, 12, 1, 100) == [None, 11, 12, 13, None, 20, 20, 21, 21, None, 30, 27]
    assert dub_text(ranges) == "2:4=11,6:9=20@1/2,11:12=30@-3" and parse_dub(dub_text(ranges)) == ranges


def test_no_frame_drifts_however_long_the_line_and_odd_the_speed():
    (part,) = parse_dub("1:1000000=7/3@30000/1001")
    assert part.footage_frame(1_000_000) == (Fraction(7, 3) + 999_999 * Fraction(30000, 1001)).__floor__()


def test_open_ends_go_as_far_as_line_and_footage_do():
    assert footage_frames(parse_dub(":=1"), 5, 1, 3) == [1, 2, 3, None, None]
    assert footage_frames(parse_dub("2:=2"), 3, 1, 30) == [None, 2, 3]
    assert footage_frames(parse_dub("3=9"), 4, 1, 30) == [None, None, 9, None]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "form"), ("5", "form"), ("1:5", "form"), ("a:b=1", "form"), ("1:5=1@", "form"), ("1:5=1@1/0", "form"),
        ("=4", "form"), ("1:5=1@fast", "form"), ("1:5=nan", "form"), ("5:1=1", "end before"),
        ("0:4=1", "before frame 1"), ("1:4=0", "footage's frame 1"), ("1:5=1,5:9=9", "overlap"),
        ("1:=1,9:10=1", "overlap"), ("6:9=1,1:2=1", "order"),
        ("1:2=1e99999999", "form"), ("1:2=1@1e-99999999", "form"), (f"{9**99}:=1", "before frame 1"),
        (f"1:2=1@1/{9**999}", "form"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused_in_words(text, what):
    with pytest.raises(ValueError, match=what):
        parse_dub(text)


@pytest.mark.parametrize("text", ["1:11=1", "11:=1", "1:4=98", "1:4=2", "3:4=20@-30"])
def test_frames_that_line_or_footage_do_not_have_are_refused(text):
    with pytest.raises(ValueError, match="lie outside of the line|known are its frames 3 to 100"):
        footage_frames(parse_dub(text), 10, 3, 100)


@pytest.mark.parametrize(
    "speed", [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(59, 79), Fraction(-1), Fraction(0)]
)
def test_frames_at_one_speed_become_one_range_that_gives_them_again(speed):
    shown = [DubRange(1, 60, Fraction(61, 2), speed).footage_frame(n) for n in range(1, 26)]
    frames = [None, None, *shown, None]
    ranges = ranges_of(frames, [speed])
    assert len(ranges) == 1 and footage_frames(ranges, len(frames), 1, 1000) == frames


def test_any_frames_become_ranges_that_give_them_again():
    frames = [4, 5, 5, 9, 2, None, 7, 7, 8, 8, 9, None, None, 100, 98, 96, 3]
    assert footage_frames(parse_dub(dub_text(ranges_of(frames))), len(frames), 1, 100) == frames
    assert ranges_of([]) == ranges_of([None]) == ()
