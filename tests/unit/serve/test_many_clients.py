"""Twenty clients and a hundred jobs at one backend: each has its turn, and what is cancelled never begins."""

from __future__ import annotations

import pytest

from shared import protocol
from shared.jobs import JobInfo, JobState
from shared.ready import ReadyFile
from tests.support.keyed import Keyed
from tests.support.serving import session_in, wait_until

CLIENTS, JOBS_EACH, KEPT_EACH = 20, 5, 2

pytestmark = pytest.mark.slow


@pytest.fixture
def clients(tmp_path):
    """(session, clients by number), greeted under names of their own."""
    with session_in(tmp_path) as session:
        ready = ReadyFile.read(session.place.ready_file)
        clients = [Keyed(ready) for _ in range(CLIENTS)]
        try:
            for number, client in enumerate(clients):
                answer = client.ask(protocol.Hello(f"client {number}"))
                assert isinstance(answer[0], protocol.Welcome)
            yield session, clients
        finally:
            for client in clients:
                client.close()


def test_a_hundred_jobs_of_twenty_clients_have_their_turns_and_are_cancelled_while_they_wait(clients):
    session, clients = clients
    first = session.submit("pretend_count", {"steps": 100_000, "pause_s": 0.01})  # all others queue behind it
    wait_until(lambda: first.info.state == JobState.RUNNING, session)
    for number, client in enumerate(clients):  # all jobs of one client before those of the next
        for job in range(JOBS_EACH):
            client.send(protocol.Submit(f"{number}-{job}", "pretend_count", {"steps": 1}), 100 + job)
    wait_until(lambda: len(session.wait_for_jobs()) == CLIENTS * JOBS_EACH + 1)
    for number, client in enumerate(clients):
        for job in range(KEPT_EACH, JOBS_EACH):
            client.send(protocol.Cancel(f"{number}-{job}"), 200 + job)
            assert answer_to(client, 200 + job).state == JobState.CANCELLED
    session.cancel(first)
    wait_until(lambda: first.ended, session)
    assert first.info.state == JobState.CANCELLED
    kept = CLIENTS * KEPT_EACH
    wait_until(lambda: sum(job.state == JobState.DONE for job in session.wait_for_jobs()) >= kept)
    ours = [job for job in session.wait_for_jobs() if job.id != first.id]
    started = sorted((job for job in ours if job.started_at is not None), key=lambda job: job.started_at or 0.0)
    assert len(started) == kept
    for turn in range(KEPT_EACH):
        ids = [job.id.split("-") for job in started[turn * CLIENTS : (turn + 1) * CLIENTS]]
        assert {int(client) for client, _ in ids} == set(range(CLIENTS))
        assert {int(job) for _, job in ids} == {turn}
    assert all(job.attempts == 0 for job in ours if job.state == JobState.CANCELLED)


def answer_to(client: Keyed, request: int) -> JobInfo:
    """The job that the answer to a request tells of; what all clients are told is passed over."""
    while True:
        heard = client.hear()
        assert heard is not None
        message, number = heard
        if number == request:
            assert isinstance(message, protocol.Job), message
            return JobInfo.from_dict(message.job)
