"""The checks: formatting, lint, types, spelling, the project's data and the rules of the house, each a named step."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.setup.environment import backend_plan

from .house import page
from .house.plan import CPP_SOURCES
from .house.rules import House
from .workspace import BUILD, ROOT, VENV, prepare_plan, project_environment, say

TYPED_ADDON = BUILD / "types" / "extension_without_blender"
"""The add-on with shared/ inside it, as the extension is laid out and under the name by which the unit tests import it:
mypy could not follow `from ..shared import …` in the repository's own layout."""
HOUSE_TESTS = ("tests/house",)
"""Tests that need nothing but the sources and end within seconds."""
AT_ONCE = 2
"""Steps that run side by side."""


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    passed: bool
    output: str
    """What the step printed; shown when it did not pass."""


@dataclass(frozen=True)
class Step:
    """One check."""

    name: str
    purpose: str
    """What it checks, in a few words."""
    run: Callable[[Path, bool], Outcome]
    """Runs it with the backend's Python; the second argument asks it to mend what it can."""
    mends: bool = False
    """Whether it can mend anything."""


def check(names: Sequence[str], fix: bool = False) -> int:
    """Set up the backend's environment and run the steps of these `names`, all without any. 0 if all passed.

    With `fix`, steps that can mend the sources do so first. Raises InputError for a name that is no step.
    """
    chosen = choose(names)
    passed, failed = run_steps(prepare_checks(), chosen, fix)
    say(f"\n{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def choose(names: Sequence[str]) -> list[Step]:
    """The steps of these names in their own order, all of them for no name. Raises InputError."""
    unknown = sorted(set(names) - {step.name for step in STEPS})
    if unknown:
        raise InputError(
            f"There is no check {', '.join(unknown)}.", f"The checks are {', '.join(step.name for step in STEPS)}."
        )
    return [step for step in STEPS if not names or step.name in names]


def prepare_checks() -> Path:
    """The Python of the backend's environment, which holds the tools too; Blender is not set up."""
    plan = backend_plan(ROOT, VENV / "backend", with_tests=True)
    prepare_plan(plan)
    return plan.python


def run_steps(python: Path, steps: Sequence[Step], fix: bool = False) -> tuple[int, int]:
    """Run `steps`, some side by side, and say how each ended. Returns how many passed and how many failed.

    Steps that mend the sources run one after another.
    """
    passed = 0
    with ThreadPoolExecutor(max_workers=1 if fix else AT_ONCE) as pool:
        running = {pool.submit(_timed, step, python, fix): step for step in steps}
        for done in as_completed(running):
            step = running[done]
            outcome, seconds = done.result()
            passed += outcome.passed
            say(f"{'passed' if outcome.passed else 'FAILED'}  {step.name:<10} {seconds:6.1f} s  {step.purpose}")
            if not outcome.passed:
                say("\n".join(f"    {line}" for line in outcome.output.strip().splitlines()) + "\n")
    return passed, len(steps) - passed


def _timed(step: Step, python: Path, fix: bool) -> tuple[Outcome, float]:
    started = time.monotonic()
    outcome = step.run(python, fix and step.mends)
    return outcome, time.monotonic() - started


def _call(*command: str | Path) -> Outcome:
    """Run a program in the repository's root."""
    run = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=project_environment(PYTHONUTF8="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Outcome(run.returncode == 0, run.stdout)


def _types(python: Path, _fix: bool) -> Outcome:
    lay_out_typed_addon(TYPED_ADDON)
    outcome = _call(python, "-m", "mypy", "--no-error-summary")
    return Outcome(outcome.passed, own_paths(outcome.output))


def lay_out_typed_addon(target: Path) -> None:
    """Copy the add-on and shared/ to `target`, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    unneeded = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "blender_addon", target, ignore=unneeded)
    shutil.copytree(ROOT / "shared", target / "shared", ignore=unneeded)


def own_paths(output: str) -> str:
    """mypy's `output` with the paths of copied files as the paths of the repository's own ones, each line once."""
    copied = f"{TYPED_ADDON.relative_to(ROOT)}{os.sep}"
    lines = []
    for line in output.splitlines():
        line = line.replace(f"{copied}shared{os.sep}", f"shared{os.sep}")
        lines.append(line.replace(copied, f"blender_addon{os.sep}"))
    return "\n".join(dict.fromkeys(lines))


def _lint(python: Path, fix: bool) -> Outcome:
    return _call(python, "-m", "ruff", "check", *(["--fix"] if fix else []), ".")


def _format(python: Path, fix: bool) -> Outcome:
    return _call(python, "-m", "ruff", "format", *([] if fix else ["--check", "--diff"]), ".")


def _cpp(python: Path, fix: bool) -> Outcome:
    program = python.with_name("clang-format.exe" if os.name == "nt" else "clang-format")
    files = sorted(path for path in (ROOT / CPP_SOURCES).rglob("*") if path.suffix in (".cpp", ".h"))
    return _call(program, "--style=file", *(["-i"] if fix else ["--dry-run", "--Werror"]), *files)


def _spelling(python: Path, fix: bool) -> Outcome:
    return _call(python, "-m", "codespell_lib", *(["--write-changes"] if fix else []), ".")


def _project(python: Path, _fix: bool) -> Outcome:
    return _call(python, "-m", "validate_pyproject", "pyproject.toml")


def _house(python: Path, fix: bool) -> Outcome:
    if fix:
        house = House(ROOT)
        page.write(ROOT, page.floors_text(house.modules(), house.houses))
    return _call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *HOUSE_TESTS)


STEPS = (
    Step("types", "mypy over everything, the add-on with Blender's types", _types),
    Step("house", "rooms, floors, imports, the architecture page, the C interface", _house, mends=True),
    Step("lint", "ruff", _lint, mends=True),
    Step("format", "ruff's formatting of Python", _format, mends=True),
    Step("cpp", "clang-format's formatting of C++", _cpp, mends=True),
    Step("spelling", "codespell over code, comments, panel texts and pages", _spelling, mends=True),
    Step("project", "pyproject.toml", _project),
)
"""The checks; the longest first, since they are begun in this order."""
