"""Faults under every job, counted: `python -m tests.support.injected_faults [JOB …]`; Linux with a C compiler.

One of each kind and way (a few minutes), unless told otherwise. Prints what went wrong, and a table: of the faults of
each kind that a job can have, once, for good and as kills, how many were tried. Ends with 1 where anything went wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.failing_disk import Kind, build, cases, preloaded
from tests.support.failing_jobs import JOBS
from tests.support.places import ROOT

LIMIT_S = 24 * 3600.0


@dataclass(frozen=True)
class Tried:
    """The faults that were put under one job."""

    job: str
    counts: Mapping[Kind, int]
    """How often each kind happens in a run without faults."""
    outcomes: Sequence[Mapping[str, Any]]
    """As `failing_jobs` prints them."""

    @classmethod
    def read(cls, printed: Iterable[str]) -> Tried:
        """What `failing_jobs` printed."""
        told, *outcomes = map(json.loads, printed)
        return cls(told["job"], {Kind[name]: count for name, count in told["counts"].items()}, outcomes)

    @property
    def wrong(self) -> list[str]:
        """What went wrong, a sentence each."""
        return [
            f"{self.job}: {one['case']}: status {one['status']}; {one['state']}; again: {one['again'] or 'right'}; "
            f"{one['said'][-300:]}"
            for one in self.outcomes
            if not one["is_right"]
        ]

    def row(self) -> str:
        """The job's line of the table."""
        there_are = Counter(case.kind for case in cases(self.counts, None))
        tried = Counter(Kind[one["kind"]] for one in self.outcomes)
        cells = [self.job, *(_part(tried[kind], there_are[kind]) for kind in Kind)]
        cells += [_part(tried.total(), there_are.total()), str(len(self.wrong))]
        return f"| {' | '.join(cells)} |"


def _part(tried: int, of: int) -> str:
    return "–" if not of else f"all {of:,}" if tried == of else f"{tried:,} of {of:,}"


def table(tried: Iterable[Tried]) -> str:
    """Markdown."""
    heads = ["job", *(kind.name.lower() for kind in Kind), "faults", "wrong"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return "\n".join([*lines, *(one.row() for one in tried)])


def main() -> int:
    """Put the faults under the jobs; prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)} (default: all)")
    parser.add_argument("--each", type=int, default=1, metavar="N", help="so many of each kind and way (default 1)")
    parser.add_argument("--all", action="store_true", help="all of them: hours")
    parser.add_argument("--minutes", type=float, metavar="M", help="no longer than so for each job")
    asked = parser.parse_args()
    if unknown := set(asked.jobs) - JOBS.keys():
        parser.error(f"there is no job {', '.join(sorted(unknown))}")
    options = [] if asked.all else ["--each", str(asked.each)]
    options += [] if asked.minutes is None else ["--minutes", str(asked.minutes)]
    found = []
    with tempfile.TemporaryDirectory() as name:
        library = build(Path(name))
        for job in asked.jobs or JOBS:
            arguments = ["-m", "tests.support.failing_jobs", job, str(Path(name) / job), *options]
            done = preloaded(library, ROOT, arguments, LIMIT_S)
            if done.returncode:
                raise RuntimeError(f"{job}: {done.stderr[-2000:]}")
            found.append(Tried.read(done.stdout.splitlines()))
            print(f"{job}: {len(found[-1].outcomes)} faults, {len(found[-1].wrong)} wrong", flush=True)
    print(*(sentence for one in found for sentence in one.wrong), table(found), sep="\n")
    return 1 if any(one.wrong for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
