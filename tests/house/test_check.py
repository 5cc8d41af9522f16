"""`build_addon.py check`: its steps, what they say, and how they end."""

import sys
import threading
from pathlib import Path

import pytest

from shared.errors import InputError
from tools import check
from tools.check import Outcome, Step

PYTHON = Path(sys.executable)


def step(name, passed=True, output="", run=None, mends=False):
    return Step(name, f"the {name}", run or (lambda python, fix: Outcome(passed, output)), mends)


def test_every_step_runs_and_says_how_it_ended_even_when_one_fails(capsys):
    counts = check.run_steps(PYTHON, [step("first", passed=False, output="a.py:1 is wrong\nb"), step("second")])
    said = capsys.readouterr().out
    assert counts == (1, 1)
    assert "FAILED  first" in said
    assert "    a.py:1 is wrong\n    b\n" in said
    assert "passed  second" in said


def test_the_output_of_a_step_that_passed_is_not_shown(capsys):
    check.run_steps(PYTHON, [step("quiet", output="Success: nothing found")])
    assert "Success" not in capsys.readouterr().out


def test_two_steps_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)

    def meet(python, fix):
        meeting.wait()
        return Outcome(True, "")

    assert check.run_steps(PYTHON, [step("one", run=meet), step("two", run=meet)]) == (2, 0)


def test_steps_that_mend_the_sources_run_one_after_another_and_others_are_not_asked_to():
    running, asked = [], []

    def alone(python, fix):
        running.append(1)
        asked.append(fix)
        count = len(running)
        running.pop()
        return Outcome(count == 1, "")

    steps = [step("one", run=alone, mends=True), step("two", run=alone), step("three", run=alone, mends=True)]
    assert check.run_steps(PYTHON, steps, fix=True) == (3, 0)
    assert asked == [True, False, True]


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_the_last_line_counts_and_the_exit_status_says_whether_all_passed(monkeypatch, capsys, passed, status):
    monkeypatch.setattr(check, "prepare_checks", lambda: PYTHON)
    monkeypatch.setattr(check, "STEPS", (step("one"), step("two", passed=passed)))
    assert check.check([]) == status
    assert capsys.readouterr().out.splitlines()[-1] == ("2 passed, 0 failed" if passed else "1 passed, 1 failed")


def test_named_steps_alone_are_run():
    assert [chosen.name for chosen in check.choose(["format", "lint"])] == ["lint", "format"]
    assert check.choose([]) == list(check.STEPS)


def test_a_step_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(InputError, match="no check spellling. The checks are types, house, "):
        check.choose(["lint", "spellling"])


def test_the_typed_add_on_has_what_both_sides_share_inside_it_and_nothing_old(tmp_path):
    target = tmp_path / "addon"
    target.mkdir()
    (target / "left_over.py").write_text("")
    check.lay_out_typed_addon(target)
    assert (target / "__init__.py").is_file()
    assert (target / "shared" / "errors.py").is_file()
    assert not (target / "left_over.py").exists()


def test_type_errors_are_told_with_the_repository_s_own_paths_and_once():
    folder = check.TYPED_ADDON.relative_to(check.ROOT)
    output = f"{folder / 'ui' / 'panel.py'}:3: error: A\n{folder / 'shared' / 'jobs.py'}:1: error: B\n"
    output += f"{Path('shared') / 'jobs.py'}:1: error: B\nbackend.py:9: error: C\n"
    assert check.own_paths(output).splitlines() == [
        f"{Path('blender_addon') / 'ui' / 'panel.py'}:3: error: A",
        f"{Path('shared') / 'jobs.py'}:1: error: B",
        "backend.py:9: error: C",
    ]
