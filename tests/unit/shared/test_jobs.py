"""A long task tells where it is and stops when asked."""

import pytest

from shared.errors import Cancelled
from shared.jobs import JobState, Progress, Reporter


def test_progress_counts_steps_and_always_sends_the_last_one():
    seen: list[Progress] = []
    report = Reporter(seen.append, min_interval_s=1e9)
    report.phase("working", 3)
    for _ in range(3):
        report.step()
    assert [(p.phase, p.step, p.total) for p in seen] == [("working", 0, 3), ("working", 3, 3)]
    assert seen[-1].eta_s == 0.0


def test_a_cancelled_task_stops_at_its_next_step():
    asked = [False]
    report = Reporter(is_cancelled=lambda: asked[0])
    report.phase("working", 2)
    report.step()
    asked[0] = True
    with pytest.raises(Cancelled):
        report.step()


def test_final_states_are_final():
    assert [state for state in JobState if state.is_final] == [JobState.CANCELLED, JobState.FAILED, JobState.DONE]
