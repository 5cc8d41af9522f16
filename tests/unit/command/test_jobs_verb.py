"""`talker jobs` beside a real backend process with fake verbs."""

from __future__ import annotations

import json

import pytest

from backend.command import cli
from shared.errors import EXIT_CALLER, EXIT_DONE
from shared.ready import READY_FILE
from tests.support.keyed import a_ready_file
from tests.support.serving import session_in, wait_until


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with session_in(tmp_path_factory.mktemp("backend")) as session:
        yield session


@pytest.fixture
def talker(session, capsys):
    """Runs `talker jobs … --json`; returns what it says."""

    def run(*arguments: str, status: int = EXIT_DONE):
        capsys.readouterr()
        command = ["jobs", *arguments, "--state-dir", str(session.place.state_dir), "--json"]
        assert cli.main(command) == status
        return json.loads(capsys.readouterr().out)

    return run


def test_jobs_are_listed_with_their_states(session, talker):
    handle = session.submit("pretend_count", {"steps": 3})
    session.wait(handle, 60)
    (row,) = [row for row in talker() if row["id"] == handle.id]
    assert (row["verb"], row["state"], row["step"], row["total"]) == ("pretend_count", "DONE", 3, 3)
    assert [row["id"] for row in talker("list")] == [row["id"] for row in talker()]


def test_a_job_is_shown_whole_by_the_beginning_of_its_id(session, talker):
    handle = session.submit("complain", {"about": "it"})
    wait_until(lambda: handle.ended, session)
    shown = talker("show", handle.id[:12])
    assert (shown["id"], shown["arguments"], shown["state"]) == (handle.id, {"about": "it"}, "FAILED")
    assert shown["error"]["what"] == "The footage is empty."


def test_a_waiting_and_a_running_job_are_cancelled_and_the_end_is_told(session, talker):
    running = session.submit("pretend_count", {"steps": 100_000, "pause_s": 0.01})
    waiting = session.submit("pretend_count", {"steps": 1})
    wait_until(lambda: running.info.state == "RUNNING", session)
    assert talker("cancel", waiting.id)["state"] == "CANCELLED"
    assert talker("cancel", running.id)["state"] == "CANCELLED"
    assert talker("cancel", running.id)["state"] == "CANCELLED"


def test_a_cancelled_training_is_resumed_as_a_new_job_that_goes_on(session, talker, tmp_path):
    arguments = {"file": str(tmp_path / "steps"), "steps": 40, "pause_s": 0.02, "start": "anew"}
    first = session.submit("train", arguments)
    wait_until(lambda: (tmp_path / "steps").exists() and len((tmp_path / "steps").read_text()) > 0, session)
    assert talker("cancel", first.id)["state"] == "CANCELLED"
    new = talker("resume", first.id)
    assert new["id"] != first.id
    result = session.wait(session.attach(new["id"]), 60)
    assert result["started_at"] > 0
    assert (result["steps"], result["start"]) == (40, "auto")


def test_what_has_not_broken_off_is_not_resumed(session, talker):
    handle = session.submit("doctor", {})
    session.wait(handle, 60)
    assert "nothing to resume" in talker("resume", handle.id, status=EXIT_CALLER)["error"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("show",), "Which job?"), (("show", "nobody"), "no job nobody"), (("cancel", ""), "jobs begin")],
)
def test_a_job_that_is_none_or_several_is_refused(session, talker, arguments, said):
    for _ in range(2):
        session.wait(session.submit("doctor", {}), 60)
    assert said in talker(*arguments, status=EXIT_CALLER)["error"]


def test_where_no_backend_runs_it_is_said(tmp_path, capsys):
    assert cli.main(["jobs", "--state-dir", str(tmp_path)]) == EXIT_CALLER
    assert "No backend runs: there is no" in capsys.readouterr().err
    a_ready_file(1).write(tmp_path / READY_FILE)
    assert cli.main(["jobs", "--ready-file", str(tmp_path / READY_FILE)]) == EXIT_CALLER
    assert "No backend runs there any more" in capsys.readouterr().err
