"""Tiny jobs to put faults under: `python -m tests.support.failing_jobs JOB FOLDER`, with failing_disk.c preloaded, as
`python -m tests.support.injected_faults` does it for all of them.

Every file is written by the code that writes it for a user; only what computes (finding faces, cameras, mattes, the net
that draws) has stand-ins. Prints one JSON object a line: the counts of a run without faults, then every case.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import cv2

from shared.setup import environment, pip
from tests.support import failing_preprocess, failing_takes, failing_training
from tests.support.failing_disk import Case, Kind, Mode, Stage, Undertaking, cases, files_of


def _plan(folder: Path) -> environment.EnvironmentPlan:
    return environment.EnvironmentPlan(folder / "environment", (folder / "requirements.txt",), needed_gib=0.0)


def install(start: Path) -> Undertaking:
    (start / "requirements.txt").write_text("one==1\ntwo==2\n")

    def make_venv(plan: environment.EnvironmentPlan, base: Path) -> None:
        plan.python.parent.mkdir(parents=True, exist_ok=True)
        plan.python.write_text("python")

    def install(python: Path, arguments: list[str], total: int, log: Callable, log_file: Path) -> None:
        for name in ("one", "two"):
            (python.parent / name).write_text(name)

    mock.patch.object(environment, "_make_venv", make_venv).start()
    mock.patch.object(pip, "install", install).start()

    def job(folder: Path) -> object:
        return environment.prepare(_plan(folder), lambda text: None, Path(sys.executable))

    def digest(folder: Path) -> dict[str, bytes]:
        is_ready = environment.is_ready(_plan(folder), sys.version_info[:2])
        return files_of(folder / "environment") if is_ready else {}

    return Undertaking(job, digest)


JOBS: dict[str, Callable[[Path], Undertaking]] = {
    "install": install,
    "consent": failing_takes.record_consent,
    "render": failing_takes.render_new,
    "render-edited": failing_takes.render_edited,
    "render-in-chunks": failing_takes.render_in_chunks,
    "export": failing_takes.export_movie,
    "forget": failing_takes.forget_person,
    "resume": failing_training.resume,
    "evaluate": failing_training.evaluate_again,
    "preprocess": failing_preprocess.preprocess_new,
    "preprocess-again": failing_preprocess.preprocess_again,
    "train": failing_training.train_new,
    "train-anew": failing_training.train_anew,
}
"""Each brings a folder into the state in which the job begins."""


def run_cases(name: str, folder: Path, most: int | None, minutes: float | None) -> None:
    """Run the cases of a job, `most` of each kind and way (None: all), by turns, until `minutes` are over."""
    logging.disable(logging.CRITICAL)
    cv2.setNumThreads(1)
    start = folder / "start"
    start.mkdir(parents=True)
    stage = Stage(folder, JOBS[name](start))
    counts = stage.counts()
    there_are = list(cases(counts, None))
    told = {"job": name, "counts": {kind.name: count for kind, count in counts.items()}, "cases": len(there_are)}
    print(json.dumps(told), flush=True)
    began = time.monotonic()
    for case in _in_turns(cases(counts, most)):
        if minutes is not None and time.monotonic() - began > 60.0 * minutes:
            break
        outcome = stage.outcome(case)
        about = {"case": str(case), "kind": case.kind.name, "mode": case.mode.name, "is_right": outcome.is_right}
        print(json.dumps(asdict(outcome) | about), flush=True)


def _in_turns(all_cases: Iterable[Case]) -> Iterator[Case]:
    """The cases, a kind and way after the other, and of each in an order of chance: however many are tried, they are
    spread evenly."""
    ways: dict[tuple[Kind, Mode], list[Case]] = {}
    for case in all_cases:
        ways.setdefault((case.kind, case.mode), []).append(case)
    for way in ways.values():
        random.Random(0).shuffle(way)
    for turn in itertools.zip_longest(*ways.values()):
        yield from filter(None, turn)


def main() -> None:
    """Run the cases of one job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("folder", type=Path, help="a new one")
    parser.add_argument("--each", type=int, metavar="N", help="so many of each kind and way (default: all)")
    parser.add_argument("--minutes", type=float, metavar="M", help="no longer than that")
    asked = parser.parse_args()
    run_cases(asked.job, asked.folder, asked.each, asked.minutes)


if __name__ == "__main__":
    main()
