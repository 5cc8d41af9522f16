"""The jobs on disk, one JSON file each: they survive the backend and the window that submitted them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path

from shared.files import explaining, write_json
from shared.jobs import JobInfo, JobState

log = logging.getLogger(__name__)

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
        with explaining(state_dir):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._logs.mkdir(parents=True, exist_ok=True)
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
        write_json(self._folder / f"{job.id}.json", job.to_dict())

    def pending(self) -> list[JobInfo]:
        """The PENDING jobs, oldest first."""
        return [job for job in self.jobs.values() if job.state is JobState.PENDING]

    def forget_old(self) -> None:
        """Drop the oldest ended jobs beyond `keep_jobs`, with their logs and results."""
        ended = [job for job in self.jobs.values() if job.state.is_final]
        for job in ended[: max(0, len(ended) - self._keep_jobs)]:
            del self.jobs[job.id]
            for path in (self._folder / f"{job.id}.json", self.result_path(job.id), self.log_path(job.id)):
                path.unlink(missing_ok=True)

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
