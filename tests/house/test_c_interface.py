"""Whether Python fits the kernels' header: a field or an argument changed in C alone is found without a compiler."""

import pytest

from tools.house import c_interface

HEADER = """
#ifndef TALKER_API_H
#define TALKER_API_H
#include <stdint.h>
enum talker_limit { TALKER_MOST = 4 };
typedef struct {
    int64_t count, channels; /* of all */
    const float* values[TALKER_MOST];
    float *low, *high;
} talker_thing;
typedef struct { int32_t row; } talker_place;
typedef struct talker_kept talker_kept;
int talker_take(const talker_thing*, int64_t places, const talker_place* where);
const char* talker_name(void);
#endif
"""
PYTHON = """
NAMES = (*("count", "channels", "values"), *("low", "high"))

def take(lib, values):
    thing = struct("talker_thing", count=1, channels=2, values=values, low=None, high=None)
    places = [{"row": 1}]
    print(lib.talker_name())
    return lib.require().talker_take(thing, len(places), structs("talker_place", places))

def take_named(lib, each):
    return lib.talker_take(struct("talker_thing", **dict(zip(NAMES, each))), *each)
"""


@pytest.fixture
def compare(tmp_path):
    """A function that compares a header with a module that calls it."""

    def lay(header=HEADER, python=PYTHON):
        for name, text in ((c_interface.HEADER, header), ("backend/kernels/thing.py", python)):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return c_interface.differences(tmp_path)

    return lay


def test_the_header_s_structures_and_functions_are_read():
    header = c_interface.read_header(HEADER)
    assert header.structs == {
        "talker_thing": {"count", "channels", "values", "low", "high"},
        "talker_place": {"row"},
    }
    assert header.functions == {"talker_take": 3, "talker_name": 0}


def test_python_that_fits_the_header_is_passed(compare):
    assert compare() == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("*low, *high;", "*low, *high, *middle;", "talker_thing of api.h and what Python gives it differ in: middle."),
        ("count, channels;", "count;", "talker_thing of api.h and what Python gives it differ in: channels."),
        ("*low, *high;", "*lo, *high;", "talker_thing of api.h and what Python gives it differ in: lo, low."),
        ("int32_t row;", "int32_t row, column;", "talker_place of api.h and what Python gives it differ in: column."),
    ],
)
def test_a_structure_changed_in_c_alone_is_found(compare, old, new, wrong):
    assert compare(header=HEADER.replace(old, new)) == [f"backend/kernels/thing.py: {wrong}"]


def test_an_argument_changed_in_c_alone_is_found(compare):
    assert compare(header=HEADER.replace("int64_t places, ", "")) == [
        "backend/kernels/thing.py:8: talker_take has 2 arguments in api.h, not 3."
    ]


def test_a_function_renamed_in_c_alone_is_found(compare):
    assert compare(header=HEADER.replace("talker_name", "talker_label")) == [
        "backend/kernels/thing.py:7: talker_name is not in api.h."
    ]


def test_a_field_changed_in_python_alone_is_found(compare):
    python = PYTHON.replace("channels=2", "chanels=2")
    assert compare(python=python) == [
        "backend/kernels/thing.py: talker_thing of api.h and what Python gives it differ in: chanels, channels."
    ]


def test_a_function_that_the_sanitizers_program_does_not_call_is_named(tmp_path, compare):
    script = tmp_path / "tests" / "support" / "kernels_under_sanitizers.py"
    script.parent.mkdir(parents=True)
    script.write_text("lib.talker_take(); lib.talker_name()", encoding="utf-8")
    assert compare() == []
    script.write_text("lib.talker_name()", encoding="utf-8")
    (told,) = compare()
    assert "talker_take" in told and "kernels_under_sanitizers.py" in told
