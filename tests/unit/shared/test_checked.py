"""Plain values become dataclasses only where every one of them fits."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest

from shared.checked import Limits, OneOf, Unfit, build, changed


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    share: Annotated[float, Limits(0, 1)] = 0.5
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    name: str
    path: Path = Path("here")
    engine: Annotated[str, OneOf(("native", "cuda"))] = "native"
    count: Annotated[int, Limits(1)] | None = None
    length: Annotated[float, Limits(above=0)] = 1.0
    colour: Colour = Colour.RED
    flag: bool = False
    inner: Inner = field(default_factory=Inner)
    values: dict = field(default_factory=dict)


def test_every_kind_of_field_is_built_from_plain_values():
    built = build(
        Outer,
        {
            "name": "a", "path": "there", "engine": "cuda", "count": 3, "length": 2, "colour": "blue", "flag": True,
            "inner": {"share": 1, "sizes": [4]}, "values": {"x": [1]},
        },
    )  # fmt: skip
    inner = Inner(1.0, (4,))
    assert built == Outer("a", Path("there"), "cuda", 3, 2.0, Colour.BLUE, True, inner, {"x": [1]})
    assert type(built.length) is float and type(built.inner.share) is float


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ({}, "name", "is missing"),
        ({"name": 3}, "name", "is 3, but must be text"),
        ({"name": None}, "name", "is nothing, but must be text"),
        ({"name": "a", "nmae": "b"}, "nmae", "is unknown"),
        ({"name": "a", "engine": "metal"}, "engine", "is 'metal', but must be one of native, cuda"),
        ({"name": "a", "count": 0}, "count", "is 0, but must be at least 1"),
        ({"name": "a", "count": True}, "count", "is True, but must be a whole number"),
        ({"name": "a", "count": 1.5}, "count", "is 1.5, but must be a whole number"),
        ({"name": "a", "length": 0}, "length", "is 0.0, but must be more than 0"),
        ({"name": "a", "length": math.inf}, "length", "is inf, which is no finite number"),
        ({"name": "a", "length": "2"}, "length", "is '2', but must be a number"),
        ({"name": "a", "colour": "green"}, "colour", "is 'green', but must be one of red, blue"),
        ({"name": "a", "flag": 1}, "flag", "is 1, but must be true or false"),
        ({"name": "a", "inner": 4}, "inner", "is 4, but must be fields with their values"),
        ({"name": "a", "inner": {"share": 1.5}}, "inner.share", "is 1.5, but must be at least 0 and at most 1"),
        ({"name": "a", "inner": {"sizes": [1, "2"]}}, "inner.sizes", "is '2', but must be a whole number"),
        ({"name": "a", "inner": {"sizes": 3}}, "inner.sizes", "is 3, but must be several values"),
        ({"name": "a", "inner": {"shear": 1}}, "inner.shear", "is unknown"),
        ({"name": "a", "values": []}, "values", "is a list, but must be a map"),
    ],
)
def test_what_does_not_fit_is_named_with_the_reason(values, name, reason):
    with pytest.raises(Unfit) as caught:
        build(Outer, values)
    assert (caught.value.name, caught.value.reason) == (name, reason)


def test_an_unknown_field_comes_with_those_that_there_are():
    with pytest.raises(Unfit) as caught:
        build(Outer, {"name": "a", "inner": {"shear": 1}})
    assert caught.value.known == ("share", "sizes")


def test_what_is_no_map_of_fields_is_refused():
    nothing: list[object] = [None, [], "name", 3]
    for values in nothing:
        with pytest.raises(Unfit):
            build(Outer, values)


def test_a_change_leaves_the_other_fields_of_nested_dataclasses_as_they_are():
    before = Outer("a", inner=Inner(0.25, (7,)), count=4)
    assert changed(before, {"inner": {"sizes": [9, 8]}, "count": None}) == Outer("a", inner=Inner(0.25, (9, 8)))
    assert changed(before, {"inner": Inner(1.0)}) == Outer("a", inner=Inner(1.0), count=4)
    with pytest.raises(Unfit, match="inner.share"):
        changed(before, {"inner": {"share": -1}})
