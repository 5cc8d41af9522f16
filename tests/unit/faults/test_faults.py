"""The n-th write, rename, flush and allocation of every job fails, or the job is killed there: nothing is lost.

Some of each kind here, within a few minutes; all of them with TALKER_FAULTS=all (hours).
"""

from __future__ import annotations

import os

import pytest

from tests.support import failing_disk
from tests.support.failing_disk import Kind
from tests.support.failing_jobs import JOBS
from tests.support.injected_faults import Tried
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
    most = [] if EVERY else ["--each", str(SOME)]
    arguments = ["-m", "tests.support.failing_jobs", name, str(tmp_path / "stage"), *most]
    done = failing_disk.preloaded(library, ROOT, arguments, timeout_s=24 * 3600.0 if EVERY else 1200.0)
    assert done.returncode == 0, done.stderr[-2000:]
    tried = Tried.read(done.stdout.splitlines())
    assert min(tried.counts[kind] for kind in (Kind.WRITE, Kind.RENAME, Kind.SYNC, Kind.OPEN)) > 0, "no faults"
    assert not tried.wrong, f"{len(tried.wrong)} of {len(tried.outcomes)}:\n" + "\n".join(tried.wrong[:10])
    assert {one["state"] for one in tried.outcomes} >= {"before", "after"}
