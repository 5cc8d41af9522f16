"""Jobs as a window or a script holds them: submit, follow, cancel; survives a backend that is killed and comes back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from ..shared import protocol
from ..shared.errors import EXIT_FAULT, Cancelled, InputError, TalkerError
from ..shared.jobs import JobInfo, JobState, Progress
from ..shared.protocol import ErrorCode
from . import process
from .process import BackendPlace
from .transport import Connection, ConnectionLost, Refused

ANSWER_TIMEOUT_S = 5.0
REVIVALS = 3
"""How often a backend that dies under a session is started again; then the session gives up."""
SUSPECT_S = 1.5 * protocol.HEARTBEAT_S
"""A heartbeat that is late by half its interval is reason to look whether the backend's process still exists."""
RETRY_S = 2.0
"""How often a backend that lives but does not answer is asked again."""
STALL_TIMEOUT_S = 60.0
"""A backend that lives but has not answered for this long is given up."""


class JobFailed(TalkerError):
    """A job ended as FAILED: `what`, `do` and the exit status as the backend says."""

    def __init__(self, what: str, do: str = "", exit_status: int = EXIT_FAULT) -> None:
        super().__init__(what, do)
        self.exit_status = exit_status


class JobHandle:
    """One job, as far as this side has heard. `info` is kept up to date by `Session.poll`."""

    def __init__(self, info: JobInfo) -> None:
        self.info = info
        self.messages: list[str] = []
        """Notices of the job in plain words, in order."""
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


class Session:
    """A client of one backend. Not for use from several threads."""

    def __init__(self, place: BackendPlace, connection: Connection | None = None) -> None:
        """Without a `connection`, `poll` finds or starts the backend as soon as there is a job, and never blocks."""
        self.place = place
        self._connection: Connection | None = connection
        self._starting: process.Starting | None = None
        self._handles: dict[str, JobHandle] = {}
        self._requests: dict[int, str] = {}
        """Job asked about, by the number of a request that is not answered yet."""
        self.was_connected = connection is not None
        """Whether there has been a connection."""
        self._wanted = False
        self._starts = 0
        self._next_try = 0.0
        self._silent_since = 0.0
        self._stopped = ""

    @classmethod
    def open(cls, place: BackendPlace, on_wait: Callable[[], None] = lambda: None) -> Session:
        """Connect to the place's backend, starting it if need be; blocks until it is ready."""
        session = cls(place)
        session.connect(on_wait)
        return session

    def begin(self) -> None:
        """Let `poll` connect, or start the backend, though there is no job yet."""
        self._wanted = True
        self._stopped = ""

    def connect(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Connect to the backend, starting it if need be; blocks until it is ready."""
        self._connection = process.connect(self.place, on_wait)
        self._stopped = ""
        self.was_connected = True
        self._ask_again()

    def close(self) -> None:
        """Leave. Jobs go on without us."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def starting(self) -> bool:
        """True while a backend is on its way."""
        return self._starting is not None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def stopped(self) -> str:
        """Why the backend ended on purpose; "" while it has not."""
        return self._stopped

    @property
    def version(self) -> str:
        """The backend's version, "" while not connected."""
        return self._connection.version if self._connection else ""

    def submit(self, verb: str, arguments: dict) -> JobHandle:
        """Ask for a job; returns at once. The handle FAILs if the backend refuses."""
        handle = JobHandle(JobInfo(uuid.uuid4().hex, verb, arguments, submitted_at=time.time()))
        self._handles[handle.id] = handle
        if self._connection is not None:
            self._ask(protocol.Submit(handle.id, verb, arguments), handle.id)
        return handle

    def attach(self, job_id: str) -> JobHandle:
        """A handle on a job that another session started (see `list_jobs`)."""
        handle = self._handles.setdefault(job_id, JobHandle(JobInfo(job_id, "")))
        if self._connection is not None:
            self._ask(protocol.Status(job_id), job_id)
        return handle

    def cancel(self, handle: JobHandle) -> None:
        """Ask for a job's end; the handle tells when it has come."""
        if not handle.ended:
            handle.cancel_asked = True
            if self._connection is not None:
                self._ask(protocol.Cancel(handle.id), handle.id)

    def list_jobs(self, timeout_s: float = ANSWER_TIMEOUT_S) -> list[JobInfo]:
        """All jobs that the backend keeps, oldest first, without their results. Blocks for at most `timeout_s`."""
        number = self._live().send(protocol.ListJobs())
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for message, request in self._live().poll(0.1):
                if request == number and isinstance(message, protocol.Jobs):
                    return [JobInfo.from_dict(values) for values in message.jobs]
                self._take(message, request)
        raise ConnectionLost(f"The backend did not answer within {timeout_s:g} s.", "Start the backend again.")

    def poll(self, timeout_s: float = 0.0) -> None:
        """Take in what has arrived, waiting at most `timeout_s` for the first of it. Call it from a timer.

        A backend that has died is started again, and goes on with its jobs. Raises TalkerError when that fails, and
        ConnectionLost when it was stopped on purpose.
        """
        if self._stopped and self._handles:
            do = "Start the backend: unfinished jobs go on by themselves."
            raise ConnectionLost(f"The backend has ended: {self._stopped}.", do)
        if self._connection is None:
            self._revive()
            return
        try:
            messages = self._connection.poll(timeout_s)
            silence_s = self._connection.silence_s
            if silence_s > SUSPECT_S and not process.is_alive(self.place):
                self._lose()
            elif silence_s > protocol.HEARTBEAT_TIMEOUT_S:
                # A window that was busy itself (a render, a file dialog) also comes here: ask before giving up.
                self._greet_again()
        except ConnectionLost:
            self._lose()
            return
        for message, request in messages:
            self._take(message, request)

    def wait(
        self,
        handle: JobHandle,
        timeout_s: float | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> dict:
        """Block until the job has ended; its result. For background mode and scripts.

        Cancels the job when `is_cancelled` turns true, or after `timeout_s`. Raises JobFailed, Cancelled.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        asked = timed_out = False
        while not handle.ended:
            self.poll(0.1)
            timed_out = timed_out or (deadline is not None and time.monotonic() > deadline)
            if not asked and (is_cancelled() or timed_out):
                asked = True
                self.cancel(handle)
        if timed_out and handle.info.state is JobState.CANCELLED:
            raise JobFailed(f"The {handle.info.verb} job took longer than {timeout_s:g} s.", "Give it more time.")
        return handle.result()

    def shutdown(self) -> None:
        """Stop the backend and leave. Unfinished jobs go on at its next start."""
        self.close()
        process.stop(self.place)

    # Messages ------------------------------------------------------------------------------------------------------

    def _live(self) -> Connection:
        if self._connection is None:
            raise ConnectionLost("The backend is not connected.", "Wait a moment, or start it again.")
        return self._connection

    def _ask(self, message: protocol.Message, job_id: str) -> None:
        self._requests[self._live().send(message)] = job_id

    def _take(self, message: protocol.Message, request: int) -> None:
        asked = self._requests.pop(request, None)
        if isinstance(message, (protocol.Job, protocol.Result)):
            info = JobInfo.from_dict(message.job)
            handle = self._handles.get(info.id)
            if handle is not None and not handle.ended:
                handle.info = info
                self._tell_end(handle)
        elif isinstance(message, protocol.ProgressNews):
            handle = self._handles.get(message.job_id)
            if handle is not None and not handle.ended:
                progress = handle.info.progress = Progress.from_dict(message.progress)
                if progress.message:
                    handle.messages.append(progress.message)
                if handle.on_progress is not None:
                    handle.on_progress(progress)
        elif isinstance(message, protocol.Goodbye):
            self._lose()
            self._stopped = message.reason or "it was told to"
        elif isinstance(message, protocol.Error):
            self._refused(message, asked)

    def _refused(self, message: protocol.Error, job_id: str | None) -> None:
        if message.code == ErrorCode.HELLO_FIRST:  # it has forgotten us while we were silent
            self._greet_again()
        elif job_id is not None and not self._handles[job_id].ended:
            handle = self._handles[job_id]
            handle.info.state = JobState.FAILED
            handle.info.error = {"what": message.what, "do": message.do}
            self._tell_end(handle)
        else:
            raise Refused(message.code, message.what, message.do)

    def _tell_end(self, handle: JobHandle) -> None:
        if handle.ended:
            del self._handles[handle.id]
            if handle.on_end is not None:
                handle.on_end(handle)

    # Losing and finding the backend --------------------------------------------------------------------------------

    def _lose(self) -> None:
        self.close()
        self._requests.clear()

    def _greet_again(self) -> None:
        """A fresh connection to the same backend, if it still lives."""
        self._lose()
        self._connection = process.find_running(self.place, timeout_s=1.0)
        if self._connection is not None:
            self._ask_again()

    def _revive(self) -> None:
        """One step towards a living backend; called at every poll while there is none."""
        if not self._handles and not self._wanted:
            return
        now = time.monotonic()
        if self._starting is not None:
            self._connection = self._starting.poll()
        elif now > self._next_try:
            self._next_try = now + RETRY_S
            self._look_for_backend(now)
        if self._connection is not None:
            self._starting = None
            self._wanted = False
            self._silent_since = 0.0
            self.was_connected = True
            self._ask_again()

    def _look_for_backend(self, now: float) -> None:
        try:
            self._connection = process.find_running(self.place, timeout_s=0.5)
        except Refused:  # of another version: replace it, its jobs go on
            process.stop(self.place)
        if self._connection is not None:
            return
        if process.is_alive(self.place):
            self._silent_since = self._silent_since or now
            if now - self._silent_since > STALL_TIMEOUT_S:
                raise ConnectionLost("The backend does not answer.", "Stop it and start it again; jobs go on.")
            return
        if self._starts > REVIVALS:
            raise ConnectionLost("The backend keeps ending.", f"See {self.place.log_file}.")
        self._starts += 1
        self._starting = process.start(self.place)

    def _ask_again(self) -> None:
        """After a new connection: send every open job once more; the backend knows those that it has by their ids."""
        for handle in list(self._handles.values()):
            if handle.info.verb:
                self._ask(protocol.Submit(handle.id, handle.info.verb, handle.info.arguments), handle.id)
            else:
                self._ask(protocol.Status(handle.id), handle.id)
            if handle.cancel_asked:
                self._ask(protocol.Cancel(handle.id), handle.id)
