"""`talker jobs`: what a running backend does, and a word in it."""

from __future__ import annotations

import argparse
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import protocol
from shared.errors import InputError
from shared.jobs import JobInfo, JobState
from shared.ready import READY_FILE, NotReady, ReadyFile
from shared.training import taken_up_again

if TYPE_CHECKING:
    from backend.serve.asking import Asking

ACTIONS = ("list", "show", "cancel", "resume")
_END_S = 15.0
"""A cancelled job has ended by then; it may save what it has."""


def add_jobs_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "action", nargs="?", default="list", choices=ACTIONS,
        help="list them (default); show one; cancel one; resume one that was cancelled or failed, as a new job",
    )  # fmt: skip
    parser.add_argument("id", nargs="?", metavar="ID", help="a job's id, or the beginning of one")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--state-dir", metavar="DIR", help=f"the backend's, with its ready file ({READY_FILE})")
    where.add_argument("--ready-file", metavar="FILE", help="the backend's, or the keys that its owner handed over")


def jobs(arguments: argparse.Namespace) -> dict[str, Any] | list[dict[str, Any]]:
    """A row for each job, or what is known of one. Raises InputError where no backend runs or there is no such job."""
    from backend.serve.asking import Asking

    with Asking(_ready(arguments)) as backend:
        rows = _listed(backend)
        if arguments.action == "list":
            return [_row(job) for job in rows]
        job = _meant(rows, arguments.id)
        if arguments.action == "cancel":
            return _cancelled(backend, job)
        whole = _shown(backend, job.id)
        return whole.to_dict() if arguments.action == "show" else _row(_resumed(backend, whole))


def _ready(arguments: argparse.Namespace) -> ReadyFile:
    path = Path(arguments.ready_file or Path(arguments.state_dir) / READY_FILE)
    try:
        return ReadyFile.read(path)
    except NotReady as error:
        what = error.what if path.exists() else f"No backend runs: there is no {path}."
        raise InputError(what, "Start one (talker serve, or Blender's panel), or name its --ready-file.") from error


def _listed(backend: Asking) -> list[JobInfo]:
    return [JobInfo.from_dict(job) for job in backend.ask(protocol.ListJobs(), protocol.Jobs).jobs]


def _shown(backend: Asking, job_id: str) -> JobInfo:
    return JobInfo.from_dict(backend.ask(protocol.Status(job_id), protocol.Job).job)


def _meant(rows: list[JobInfo], wanted: str | None) -> JobInfo:
    """The job that an id, or its beginning, means. Raises InputError for none and for several."""
    if wanted is None:
        raise InputError("Which job?", "Give its ID; talker jobs list shows them.")
    found = [job for job in rows if job.id == wanted] or [job for job in rows if job.id.startswith(wanted)]
    if len(found) != 1:
        what = f"There is no job {wanted}." if not found else f"{len(found)} jobs begin with {wanted}."
        raise InputError(what, "Give its ID; talker jobs list shows them.")
    return found[0]


def _cancelled(backend: Asking, job: JobInfo) -> dict[str, Any]:
    now = JobInfo.from_dict(backend.ask(protocol.Cancel(job.id), protocol.Job).job)
    if not now.state.is_final:
        ended = backend.news_of(job.id, _END_S)
        now = now if ended is None else JobInfo.from_dict(ended)
    return _row(now)


def _resumed(backend: Asking, job: JobInfo) -> JobInfo:
    """The same work as a new job: it goes on from what the old one left. Raises InputError for one that has not broken
    off."""
    if job.state not in (JobState.CANCELLED, JobState.FAILED):
        words = "is done" if job.state is JobState.DONE else "has not ended"
        raise InputError(f"The job {job.id} {words}: there is nothing to resume.", "Send a new job for more.")
    arguments = taken_up_again(job.arguments) if job.verb == "train" else job.arguments
    new = protocol.Submit(uuid.uuid4().hex, job.verb, arguments)
    return JobInfo.from_dict(backend.ask(new, protocol.Job).job)


def _row(job: JobInfo) -> dict[str, Any]:
    """What stands in a list of a job."""
    progress = job.progress
    row = {"id": job.id, "verb": job.verb, "state": str(job.state), "age_s": round(time.time() - job.submitted_at, 1)}
    told = {} if progress is None else {name: getattr(progress, name) for name in ("phase", "step", "total", "eta_s")}
    told["error"] = None if job.error is None else job.error.get("what")
    return row | {name: value for name, value in told.items() if value is not None}
