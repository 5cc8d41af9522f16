"""The jobs on disk, one JSON file each: they survive the backend and the window that submitted them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path

from shared.files import write_json, write_text
from shared.jobs import JobInfo, JobState
from shared.private import FILE_MODE, make_private
from shared.ready import BACKEND_LOCK

from .logs import remove_log

log = logging.getLogger(__name__)

OURS = ("jobs", "logs", BACKEND_LOCK)
"""What says of a folder that it is a backend's state folder."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Job ids name files, so they hold nothing that means something in a path."""


def is_job_id(text: str) -> bool:
    """True for 1 to 64 letters, digits, - and _, not starting with - or _."""
    return _ID.fullmatch(text) is not None


class JobStore:
    """Jobs by id, oldest first, kept in `folder` (jobs/) with their logs beside it (logs/)."""

    def __init__(self, state_dir: Path, keep_jobs: int) -> None:
        self._folder = state_dir / "jobs"
        self._logs = state_dir / "logs"
        self._keep_jobs = keep_jobs
        make_private(state_dir, OURS)
        for folder in (self._folder, self._logs):
            make_private(folder, None)
        self.jobs: dict[str, JobInfo] = {}
        self._load()

    def log_path(self, job_id: str) -> Path:
        return self._logs / f"{job_id}.log"

    def result_path(self, job_id: str) -> Path:
        """Where a result goes that is too large for a message."""
        return self._folder / f"{job_id}.result.json"

    def save(self, job: JobInfo) -> None:
        """Add or update a job: written under a temporary name, then renamed. Raises OSError (a full disk)."""
        self.jobs[job.id] = job
        write_json(self._folder / f"{job.id}.json", job.to_dict(), mode=FILE_MODE)

    def save_result(self, job: JobInfo, text: str) -> Path:
        """Write a result that is too large for a message to a file of its own. Raises OSError."""
        path = self.result_path(job.id)
        write_text(path, text, mode=FILE_MODE)
        return path

    def pending(self) -> list[JobInfo]:
        """The PENDING jobs, oldest first."""
        return [job for job in self.jobs.values() if job.state is JobState.PENDING]

    def forget_old(self) -> None:
        """Drop the oldest ended jobs beyond `keep_jobs`, with their logs and results."""
        ended = [job for job in self.jobs.values() if job.state.is_final]
        for job in ended[: max(0, len(ended) - self._keep_jobs)]:
            del self.jobs[job.id]
            for path in (self._folder / f"{job.id}.json", self.result_path(job.id)):
                path.unlink(missing_ok=True)
            remove_log(self.log_path(job.id))

    def _load(self) -> None:
        loaded = []
        for path in sorted(self._folder.glob("*.json")):
            if path.name.endswith(".result.json"):
                continue
            try:
                job = JobInfo.from_dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, AttributeError) as error:
                log.warning("the job file %s is damaged (%s) and set aside", path, error)
                os.replace(path, path.with_suffix(".damaged"))
                continue
            loaded.append(job)
        for job in sorted(loaded, key=lambda job: job.submitted_at):
            self.jobs[job.id] = job
