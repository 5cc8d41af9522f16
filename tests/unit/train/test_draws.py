"""Draws of a run: the same for the same seed, step and purpose, and for no other."""

from __future__ import annotations

import itertools

from backend.train.draws import Draw, generator


def test_draws_are_the_same_for_the_same_seed_step_purpose_and_part_alone():
    every = list(itertools.product((0, 1, 7), (0, 1, 4, 5), Draw, (0, 1)))
    values = {given: tuple(generator(*given).random(3)) for given in every}
    assert values == {given: tuple(generator(*given).random(3)) for given in reversed(every)}
    assert len(set(values.values())) == len(every)
