"""How a training starts is said in one way, and jobs that said it in the older way are still understood."""

import pytest

from shared.training import Did, Start, taken_up_again, with_start


@pytest.mark.parametrize(
    ("older", "start"),
    [
        ({"resume": False}, "anew"),
        ({"resume": None, "more": None}, "anew"),
        ({"resume": False, "more": False}, "anew"),
        ({"resume": True}, "resume"),
        ({"resume": "auto"}, "auto"),
        ({"more": True}, "more"),
        ({"more": True, "resume": "auto"}, "more"),
        ({"resume": True, "start": "auto"}, "auto"),
    ],
)
def test_the_older_arguments_are_translated(older, start):
    assert with_start({"subject": "s", **older}) == {"subject": "s", "start": start}


@pytest.mark.parametrize("arguments", [{}, {"start": "more"}, {"start": None}, {"subject": "s", "minutes": 2}])
def test_what_says_nothing_in_the_older_way_stays_as_it_is(arguments):
    assert with_start(arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({}, "auto"),
        ({"start": "anew"}, "auto"),
        ({"start": "resume"}, "auto"),
        ({"start": "more"}, "more"),
        ({"more": True}, "more"),
        ({"resume": False}, "auto"),
    ],
)
def test_an_interrupted_job_goes_on_and_one_that_trains_on_still_does(arguments, start):
    before = dict(arguments)
    assert taken_up_again({"subject": "s", **arguments}) == {"subject": "s", "start": start}
    assert arguments == before


def test_the_words_that_travel():
    assert [str(start) for start in Start] == ["anew", "resume", "more", "auto"]
    assert [str(did) for did in Did] == ["anew", "resumed", "more", "nothing"]
