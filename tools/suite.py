"""The checks and the tests: without Blender, in Blender's module, in Blender's window; and one closing line."""

from __future__ import annotations

import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from . import package
from .check import STEPS, prepare_checks, run_steps
from .stage import stage
from .workspace import ROOT, prepare_backend, prepare_blender, project_environment, say, this_platform

BACKEND_TESTS = ("tests/unit", "tests/footage", "tests/platforms", "tests/house", "tests/external")
BLENDER_TESTS = ("tests/bpy", "tests/install")
WINDOW_TESTS = ("tests/gui",)
"""They drive a Blender of their own from outside, so they run in the backend's environment."""
AT_ONCE = 2
"""Groups of tests that run beside each other."""
NOTHING_COLLECTED = 5
"""pytest's exit status when a selection matches no test."""


@dataclass(frozen=True)
class Group:
    """Tests that one pytest runs."""

    title: str
    python: Path
    paths: list[str]

    def heading(self) -> str:
        return f"{self.title}: {' '.join(self.paths)}"

    def run(self, options: list[str], environment: dict, output: IO[str] | None) -> tuple[Tally, int]:
        """Run them; what pytest writes goes to `output`, None: the terminal. Returns outcomes and its exit status."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "junit.xml"
            command = [str(self.python), "-m", "pytest", "-q", f"--junit-xml={report}", *options, *self.paths]
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False)
            return (read_tally(report) if report.is_file() else Tally()), done.returncode


@dataclass
class Tally:
    """What came of some tests."""

    passed: int = 0
    failed: int = 0
    skipped: Counter = field(default_factory=Counter)
    """Reasons, with how often each."""

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def closing_line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped.total()} skipped"


def read_tally(path: Path) -> Tally:
    """Count the outcomes in a JUnit file; errors in set-up or collection count as failures."""
    tally = Tally()
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed += 1
        elif (skip := case.find("skipped")) is not None:
            tally.skipped[skip.get("message") or "no reason given"] += 1
        else:
            tally.passed += 1
    return tally


def test(pytest_arguments: list[str]) -> int:
    """Run the checks, set up, stage and zip the extension, run every test. 0 only if all passed and something ran.

    Paths among `pytest_arguments` restrict the run to them and leave the checks out; other arguments go to every
    pytest. A failed check keeps no test from running.
    """
    chosen = [argument for argument in pytest_arguments if _is_path(argument)]
    options = [argument for argument in pytest_arguments if argument not in chosen]
    total, sound = Tally(), True
    if not chosen:
        say("Checks")
        total.passed, total.failed = run_steps(prepare_checks(), STEPS)
    backend, blender = prepare_backend(), prepare_blender()
    platform = this_platform()
    staged = stage(platform)
    archive = package.build(blender.python, staged, platform)
    environment = project_environment(
        TALKER_STAGED=str(staged), TALKER_ZIP=str(archive), TALKER_BACKEND_PYTHON=str(backend.python)
    )
    groups = [
        Group(title, python, paths)
        for title, python, folders in (
            ("Without Blender", backend.python, BACKEND_TESTS),
            ("In Blender", blender.python, BLENDER_TESTS),
            ("In Blender's window", backend.python, WINDOW_TESTS),
        )
        for paths in _groups(folders, chosen)
    ]
    for tally, status in _run_groups(groups, options, environment):
        total.add(tally)
        sound = sound and (status in (0, NOTHING_COLLECTED) or (status == 1 and tally.failed > 0))
        if status not in (0, 1, NOTHING_COLLECTED):
            say(f"pytest ended with status {status}: its tests count as failed.")
            total.failed += 1
    for reason, count in total.skipped.most_common():
        say(f"skipped {count}: {reason}")
    say(f"\n{total.closing_line()}")
    return 0 if sound and total.failed == 0 and total.passed > 0 else 1


def _is_path(argument: str) -> bool:
    return not argument.startswith("-") and (ROOT / argument.split("::")[0]).exists()


def _groups(folders: tuple[str, ...], chosen: list[str]) -> list[list[str]]:
    """What each pytest of an environment is given: one process a folder, since a process holds one extension."""
    if chosen:
        groups = [[path for path in chosen if path.startswith(folder)] for folder in folders]
        return [group for group in groups if group]
    return [[folder] for folder in folders if any((ROOT / folder).glob("**/test_*.py"))]


def _run_groups(groups: list[Group], options: list[str], environment: dict) -> Iterator[tuple[Tally, int]]:
    """(outcomes, pytest's exit status) of every group, two groups at a time.

    A single group writes to the terminal as it goes; of several, each is shown as a whole when it has ended.
    """
    if len(groups) == 1:
        say(f"\n{groups[0].heading()}")
        yield groups[0].run(options, environment, None)
        return

    def run_quietly(group: Group) -> tuple[str, Tally, int]:
        started = time.monotonic()
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            tally, status = group.run(options, environment, output)
            output.seek(0)
            shown = output.read().rstrip()
        return f"\n{group.heading()} ({time.monotonic() - started:.0f} s)\n{shown}", tally, status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ended in as_completed([pool.submit(run_quietly, group) for group in groups]):
            shown, tally, status = ended.result()
            say(shown)
            yield tally, status
