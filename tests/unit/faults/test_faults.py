"""The n-th write, rename, flush and allocation of every job fails, or the job is killed there: nothing is lost.

Some of each kind here, within a few minutes; all of them with TALKER_FAULTS=all (hours).
"""

from __future__ import annotations

import json
import os

import pytest

from tests.support import failing_disk
from tests.support.failing_jobs import JOBS
from tests.support.places import ROOT

pytestmark = pytest.mark.slow

EVERY = os.environ.get("TALKER_FAULTS") == "all"
SOME = 1
"""How many of each kind and way otherwise."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    try:
        return failing_disk.build(tmp_path_factory.mktemp("faults"))
    except failing_disk.CannotFail as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", JOBS)
def test_after_any_fault_there_is_the_state_of_before_or_after_and_a_second_run_ends_with_the_same_bits(
    library, tmp_path, name
):
    most = [] if EVERY else [str(SOME)]
    arguments = ["-m", "tests.support.failing_jobs", name, str(tmp_path / "stage"), *most]
    done = failing_disk.preloaded(library, ROOT, arguments, timeout_s=24 * 3600.0 if EVERY else 1200.0)
    assert done.returncode == 0, done.stderr[-2000:]
    counted, *outcomes = map(json.loads, done.stdout.splitlines())
    assert min(counted["counts"][kind] for kind in ("WRITE", "RENAME", "SYNC", "OPEN")) > 0, "the faults are not there"
    wrong = [
        f"{one['case']}: {one['state']}; again: {one['again']}; {one['said'][-300:]}"
        for one in outcomes
        if not one["is_right"]
    ]
    assert not wrong, f"{len(wrong)} of {len(outcomes)}:\n" + "\n".join(wrong[:10])
    assert {one["state"] for one in outcomes} == {"before", "after"}
