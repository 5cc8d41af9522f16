"""Jobs and the ready file on disk."""

import dataclasses
import json
import stat
import sys

import pytest

from backend.serve.jobstore import JobStore, is_job_id
from shared.errors import InputError
from shared.jobs import JobInfo, JobState, Progress
from shared.ready import NotReady, ReadyFile
from tests.support.keyed import a_ready_file

READY = a_ready_file(5555)


def test_jobs_are_found_again_in_the_order_of_their_submission(tmp_path):
    store = JobStore(tmp_path, keep_jobs=10)
    later = JobInfo("a", "render", {"out": "x"}, submitted_at=20.0)
    earlier = JobInfo("b", "train", {}, JobState.RUNNING, Progress("p", 1, 2), attempts=1, submitted_at=10.0)
    store.save(later)
    store.save(earlier)
    assert list(JobStore(tmp_path, 10).jobs.values()) == [earlier, later]
    assert [job.id for job in store.pending()] == ["a"]


def test_saving_leaves_no_partial_file(tmp_path):
    store = JobStore(tmp_path, 10)
    store.save(JobInfo("a", "train"))
    store.save(JobInfo("a", "train", state=JobState.DONE))
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "jobs" / "a.json").read_text())["state"] == "DONE"


def test_a_damaged_job_file_is_set_aside_and_the_others_stay(tmp_path):
    JobStore(tmp_path, 10).save(JobInfo("a", "train"))
    (tmp_path / "jobs" / "b.json").write_text("{half")
    (tmp_path / "jobs" / "c.json").write_text("[]")
    assert list(JobStore(tmp_path, 10).jobs) == ["a"]
    assert (tmp_path / "jobs" / "b.damaged").read_text() == "{half"


def test_only_the_newest_ended_jobs_are_kept_and_open_ones_always(tmp_path):
    store = JobStore(tmp_path, keep_jobs=2)
    store.save(JobInfo("open", "train", submitted_at=0.0))
    for index in range(4):
        store.save(JobInfo(f"j{index}", "train", state=JobState.DONE, submitted_at=float(index)))
        store.log_path(f"j{index}").write_text("log")
    store.forget_old()
    assert set(store.jobs) == {"open", "j2", "j3"} == set(JobStore(tmp_path, 2).jobs)
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["j2.log", "j3.log"]


@pytest.mark.parametrize("text", ["", "../x", "a/b", "a\\b", ".", "-a", "a" * 65, "a.json", "ä"])
def test_what_could_mean_something_in_a_path_is_no_job_id(text):
    assert not is_job_id(text)


def test_a_state_folder_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is no folder"):
        JobStore(tmp_path / "file", 10)


def test_the_ready_file_is_read_back_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "deep" / "ready.json"
    READY.write(path)
    assert ReadyFile.read(path) == READY
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"host": "127.0.0.1"}'])
def test_a_damaged_ready_file_is_not_ready(tmp_path, text):
    path = tmp_path / "ready.json"
    path.write_text(text)
    with pytest.raises(NotReady):
        ReadyFile.read(path)


def test_a_ready_file_with_an_impossible_port_is_not_ready(tmp_path):
    path = tmp_path / "ready.json"
    a_ready_file(99999).write(path)
    with pytest.raises(NotReady, match="damaged"):
        ReadyFile.read(path)


def test_only_its_own_backend_removes_the_ready_file(tmp_path):
    path = tmp_path / "ready.json"
    READY.write(path)
    ReadyFile.remove(path, READY.pid + 1)
    assert path.exists()
    ReadyFile.remove(path, READY.pid)
    assert not path.exists()


def test_ipv6_addresses_are_bracketed_in_the_endpoint():
    assert READY.endpoint == "tcp://127.0.0.1:5555"
    assert dataclasses.replace(READY, host="::1", port=5).endpoint == "tcp://[::1]:5"
