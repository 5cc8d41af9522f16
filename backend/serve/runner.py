"""Runs the jobs, each in its own process: one heavy job and one light job at a time, the others wait."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from backend.settings import ServeSettings
from shared.errors import EXIT_CANCELLED, Cancelled
from shared.files import explained
from shared.jobs import JobInfo, JobState, Progress
from shared.protocol import ErrorCode, ProtocolError, brief
from shared.training import taken_up_again

from .jobstore import JobStore, is_job_id
from .worker_process import WorkerProcess, describe_exit

log = logging.getLogger(__name__)

LIGHT_VERBS = frozenset({"doctor", "consent", "verify"})
"""Verbs that take seconds and little memory: they need not wait for a training to end."""
RESUMABLE_VERBS = frozenset({"train"})
"""Verbs that go on from their checkpoint, if they left one, when told so by `start`; the others need no telling."""
INLINE_RESULT_BYTES = 256 << 10
"""Larger results go to a file, and the job's result is {"result_file": its path}."""
SAVE_PROGRESS_S = 1.0
"""How often progress goes to the disk."""
EXIT_S = 3.0
"""A process that has reported its result or error must exit within this time, seconds."""


class _Running:
    """A running job, its process, and its deadline (monotonic seconds)."""

    def __init__(self, job: JobInfo, process: WorkerProcess, deadline: float) -> None:
        self.job = job
        self.process = process
        self.deadline = deadline
        self.outcome: dict | None = None
        self.killed_because = ""
        self.saved = time.monotonic()


class JobRunner:
    """The jobs of one backend. `tick` does all the work and never blocks for long.

    `on_change` is called at every change of state, `on_progress` for every progress report.
    """

    def __init__(
        self,
        state_dir: Path,
        verbs: str,
        verb_names: frozenset[str],
        settings: ServeSettings,
        on_change: Callable[[JobInfo], None],
        on_progress: Callable[[JobInfo, Progress], None],
    ) -> None:
        self._state_dir = state_dir
        self._verbs = verbs
        self._verb_names = verb_names
        self._settings = settings
        self._on_change = on_change
        self._on_progress = on_progress
        self.store = JobStore(state_dir, settings.keep_jobs)
        self._running: dict[str, _Running] = {}
        self._asked_by: dict[str, str] = {}
        """The clients of waiting jobs. Jobs whose client a restarted backend does not know yet take turns as one's."""
        self._last_turn: dict[str, int] = {}
        """When a job of a client was last started, by the count of all starts."""
        self._turns = 0
        self._take_up()

    @property
    def busy(self) -> bool:
        """True while a job runs or waits."""
        return bool(self._running or self.store.pending())

    def submit(self, job_id: str, verb: str, arguments: dict, client: str = "") -> JobInfo:
        """Put a job of `client` in the queue. The same id again is the same job. Raises ProtocolError."""
        if job_id in self.store.jobs:
            job = self.store.jobs[job_id]
            if job.state is JobState.PENDING:
                self._asked_by[job_id] = client  # a client that has connected again says so again
            return job
        if not is_job_id(job_id):
            raise ProtocolError(ErrorCode.REFUSED, f"{brief(job_id)} is no job id.", "Use letters, digits, - and _.")
        if verb not in self._verb_names:
            do = f"Use one of: {', '.join(sorted(self._verb_names))}."
            raise ProtocolError(ErrorCode.UNKNOWN_VERB, f"There is no verb {brief(verb)}.", do)
        if len(self.store.pending()) >= self._settings.most_waiting:
            what = f"{self._settings.most_waiting} jobs wait already, the most that one backend keeps."
            raise ProtocolError(ErrorCode.REFUSED, what, "Cancel some, or wait until some are done.")
        path = str(self.store.log_path(job_id))
        job = JobInfo(job_id, verb, arguments, log=path, submitted_at=time.time())
        try:
            self.store.save(job)
        except OSError as error:
            del self.store.jobs[job_id]
            in_words = explained(error, self._state_dir)
            what = f"The job cannot be kept. {in_words.what}"
            raise ProtocolError(ErrorCode.REFUSED, what, in_words.do) from error
        self._asked_by[job_id] = client
        self._on_change(job)
        self.store.forget_old()
        return job

    def find(self, job_id: str) -> JobInfo:
        """The job, or ProtocolError UNKNOWN_JOB."""
        if job_id not in self.store.jobs:
            do = "It may have ended long ago. List the jobs."
            raise ProtocolError(ErrorCode.UNKNOWN_JOB, f"There is no job {brief(job_id)}.", do)
        return self.store.jobs[job_id]

    def cancel(self, job_id: str) -> JobInfo:
        """Ask a job to stop; it is killed if it has not noticed in time. An ended job stays as it is."""
        job = self.find(job_id)
        if job.state is JobState.PENDING:
            self._end(job, JobState.CANCELLED, error=_cancelled())
        elif job.state is JobState.RUNNING:
            running = self._running[job_id]
            running.process.cancel()
            running.deadline = time.monotonic() + self._settings.cancel_grace_s
            self._set(job, JobState.CANCELLING)
        return job

    def tick(self) -> None:
        """Read the events of running jobs, kill those beyond their deadline, start what can start."""
        for running in list(self._running.values()):
            self._hear(running)
            self._watch(running)
        for light in (False, True):
            if not any(_is_light(running.job) is light for running in self._running.values()):
                job = self._next(light)
                if job is not None:
                    self._start(job)

    def _next(self, light: bool) -> JobInfo | None:
        """Whose turn it is: the client's that has waited longest since a job of its was last started, and of its jobs
        the oldest. So a hundred jobs of one client do not keep another's one from its turn."""
        waiting = [job for job in self.store.pending() if _is_light(job) is light]
        return min(waiting, key=lambda job: self._last_turn.get(self._asked_by.get(job.id, ""), 0), default=None)

    def stop(self) -> None:
        """Kill all processes. Their jobs keep their state on disk and are resumed at the backend's next start."""
        for running in self._running.values():
            running.process.kill()
        for running in self._running.values():
            running.process.join(EXIT_S)
            running.process.close()
            self._save(running.job)
        self._running.clear()

    def _take_up(self) -> None:
        """Handle jobs that an earlier backend left unfinished."""
        for job in list(self.store.jobs.values()):
            if job.state is JobState.CANCELLING:
                self._end(job, JobState.CANCELLED, error=_cancelled())
            elif job.state is JobState.RUNNING and job.attempts >= self._settings.attempts:
                what = f"The backend ended {job.attempts} times while it ran this job."
                self._end(job, JobState.FAILED, error={"what": what, "do": f"See {job.log}, then start it again."})
            elif job.state is JobState.RUNNING:
                log.info("job %s (%s) is taken up again", job.id, job.verb)
                self._set(job, JobState.PENDING)

    def _start(self, job: JobInfo) -> None:
        arguments = dict(job.arguments)
        if job.attempts and job.verb in RESUMABLE_VERBS:
            arguments = taken_up_again(arguments)
        lock = self._state_dir / ("light.lock" if _is_light(job) else "heavy.lock")
        job.attempts += 1
        self._turns += 1
        self._last_turn[self._asked_by.get(job.id, "")] = self._turns
        job.started_at = job.started_at or time.time()
        try:
            process = WorkerProcess(job, arguments, self._verbs, lock, Path(job.log))
        except OSError as error:
            in_words = explained(error, job.log)
            what = f"The job's process could not be started. {in_words.what}"
            self._end(job, JobState.FAILED, error={"what": what, "do": in_words.do})
            return
        deadline = time.monotonic() + self._settings.start_timeout_s
        self._running[job.id] = _Running(job, process, deadline)
        log.info("job %s: %s in process %d", job.id, job.verb, process.pid)
        self._set(job, JobState.RUNNING)

    def _hear(self, running: _Running) -> None:
        job = running.job
        now = time.monotonic()
        for event in running.process.events():
            kind = event.get("event")
            if kind == "progress":
                try:
                    job.progress = Progress.from_dict(event["progress"])
                except ValueError as error:
                    log.warning("job %s reports what is no progress: %s", job.id, error)
                    continue
                self._on_progress(job, job.progress)
                if now - running.saved > SAVE_PROGRESS_S:
                    running.saved = now
                    self._save(job)
            elif kind == "stopping":
                running.deadline = now + self._settings.settle_s
            elif kind in ("result", "error"):
                running.outcome = event
                running.deadline = now + EXIT_S

    def _watch(self, running: _Running) -> None:
        process, job, now = running.process, running.job, time.monotonic()
        status = process.exit_status
        if status is not None:
            process.close()
            del self._running[job.id]
            self._conclude(running, status)
            return
        if running.outcome is None and job.state is JobState.RUNNING and process.started:
            running.deadline = process.last_heard + self._settings.silence_timeout_s
        if now > running.deadline and not running.killed_because:
            if running.outcome is not None:
                running.killed_because = "it did not end after its work"
            elif job.state is JobState.CANCELLING:
                running.killed_because = "it was cancelled"
            elif not process.started:
                running.killed_because = f"it did not start within {self._settings.start_timeout_s:g} s"
            else:
                running.killed_because = f"it gave no sign of life for {self._settings.silence_timeout_s:g} s"
            log.info("job %s: process %d is ended, for %s", job.id, process.pid, running.killed_because)
            process.kill()

    def _conclude(self, running: _Running, status: int) -> None:
        job, outcome = running.job, running.outcome
        if outcome is not None and outcome["event"] == "result":
            self._finish(job, outcome["result"])
        elif job.state is JobState.CANCELLING:
            self._end(job, JobState.CANCELLED, error=_cancelled())
        elif outcome is not None:
            error = {"what": outcome["what"], "do": outcome["do"], "status": outcome["status"]}
            if outcome["status"] == EXIT_CANCELLED:
                self._end(job, JobState.CANCELLED, error=error)
            else:
                error["do"] = error["do"] or f"It is a fault of ours. The log {job.log} tells more."
                self._end(job, JobState.FAILED, error=error)
        else:
            reason = running.killed_because or describe_exit(status)
            what = f"The job's process ended before its work was done: {reason}."
            self._end(job, JobState.FAILED, error={"what": what, "do": f"The log {job.log} tells more."})

    def _finish(self, job: JobInfo, result: dict) -> None:
        text = json.dumps(result)
        if len(text) > INLINE_RESULT_BYTES:
            try:
                result = {"result_file": str(self.store.save_result(job, text))}
            except OSError as error:
                in_words = explained(error, self._state_dir)
                what = f"The work is done, but its result cannot be kept. {in_words.what}"
                self._end(job, JobState.FAILED, error={"what": what, "do": in_words.do})
                return
        self._end(job, JobState.DONE, result=result)

    def _end(self, job: JobInfo, state: JobState, result: dict | None = None, error: dict | None = None) -> None:
        job.result, job.error, job.finished_at = result, error, time.time()
        self._set(job, state)

    def _set(self, job: JobInfo, state: JobState) -> None:
        job.state = state
        if state is not JobState.PENDING:
            self._asked_by.pop(job.id, None)
        self._save(job)
        self._on_change(job)

    def _save(self, job: JobInfo) -> None:
        try:
            self.store.save(job)
        except OSError:
            # The job itself goes on, and clients are told; only a restarted backend would see its older state.
            log.exception("job %s cannot be written to %s", job.id, self._state_dir)


def _is_light(job: JobInfo) -> bool:
    return job.verb in LIGHT_VERBS


def _cancelled() -> dict[str, str]:
    error = Cancelled()
    return {"what": error.what, "do": error.do}
