"""What a session hands out: a job as far as this side has heard of it, and a list of jobs that is on its way."""

from __future__ import annotations

from collections.abc import Callable

from ..shared.errors import EXIT_FAULT, Cancelled, InputError, TalkerError
from ..shared.jobs import JobInfo, JobState, Progress


class JobFailed(TalkerError):
    """A job ended as FAILED: `what`, `do` and the exit status as the backend says."""

    def __init__(self, what: str, do: str = "", exit_status: int = EXIT_FAULT) -> None:
        super().__init__(what, do)
        self.exit_status = exit_status


class JobHandle:
    """One job. `info` is kept up to date by `Session.poll`."""

    def __init__(self, info: JobInfo) -> None:
        self.info = info
        self.messages: list[str] = []
        """Notices of the job in plain words, in order."""
        self.accepted = False
        """Whether the backend has answered that it has the job."""
        self.cancel_asked = False
        self.on_progress: Callable[[Progress], None] | None = None
        self.on_end: Callable[[JobHandle], None] | None = None

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def ended(self) -> bool:
        return self.info.state.is_final

    def result(self) -> dict:
        """What the verb returned. Raises JobFailed, Cancelled, or InputError while it has not ended."""
        error = self.info.error or {}
        if self.info.state is JobState.DONE:
            return self.info.result or {}
        if self.info.state is JobState.FAILED:
            status = error.get("status", EXIT_FAULT)
            raise JobFailed(error.get("what", "The job failed."), error.get("do", ""), status)
        if self.info.state is JobState.CANCELLED:
            raise Cancelled()
        raise InputError(f"The {self.info.verb} job has not ended.", "Wait for it.")

    def take_info(self, info: JobInfo) -> None:
        """The job as the backend says it stands."""
        self.info = info
        self.accepted = True

    def take_progress(self, progress: Progress) -> None:
        """A progress report of the job."""
        self.info.progress = progress
        if progress.message:
            self.messages.append(progress.message)
        if self.on_progress is not None:
            self.on_progress(progress)

    def fail(self, what: str, do: str) -> None:
        """The backend has refused the job."""
        self.info.state = JobState.FAILED
        self.info.error = {"what": what, "do": do}


class JobList:
    """All jobs that a backend keeps, oldest first, without their results. `jobs` is None until the answer has come."""

    def __init__(self) -> None:
        self.jobs: list[JobInfo] | None = None

    def unfinished(self) -> list[JobInfo]:
        """Those that have not ended, the running one first; none before the answer has come."""
        open_jobs = [job for job in self.jobs or [] if not job.state.is_final]
        return sorted(open_jobs, key=lambda job: job.state is JobState.PENDING)
