"""Jobs as a window or a script holds them: submit, follow, cancel; they survive a backend that dies and comes back.

Only the functions under "The same, blocking" block, for background mode and scripts; they poll the same steps.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from ..shared import protocol
from ..shared.errors import TalkerError
from ..shared.jobs import JobInfo, JobState, Progress
from ..shared.protocol import ErrorCode
from .background import PAUSE_S
from .handles import JobFailed, JobHandle, JobList
from .link import BackendLink, State, Wanted
from .live import LiveHead
from .process import BackendPlace
from .transport import ConnectionLost, Refused


class Session:
    """A client of one backend. Not for use from several threads."""

    def __init__(self, place: BackendPlace) -> None:
        """Nothing is begun before something is wanted: a job, or `begin`, `join`, `stop`."""
        self.place = place
        self._link = BackendLink(place)
        self._seen_connection = 0
        """The link's `times_connected` when this side last asked for its jobs."""
        self._handles: dict[str, JobHandle] = {}
        self._lists: list[JobList] = []
        self._requests: dict[int, JobHandle | JobList] = {}
        """What was asked for, by the number of a request that is not answered yet."""
        self._live: LiveHead | None = None
        self._live_request: int | None = None
        """Of the opening of it."""

    @property
    def state(self) -> State:
        """Where the link to the backend stands."""
        return self._link.state

    @property
    def connected(self) -> bool:
        return self._link.connected

    @property
    def was_connected(self) -> bool:
        """Whether the backend has answered since something was wanted anew."""
        return self._link.was_connected

    @property
    def is_silent(self) -> bool:
        """Whether there is a backend that has not answered yet, or does not any more."""
        return self._link.is_silent

    @property
    def joining(self) -> bool:
        """Whether no more is wanted than a backend that may run already."""
        return self._link.wanted is Wanted.JOIN

    @property
    def idle(self) -> bool:
        """Whether it is stopped and nothing is wanted of it."""
        return self.state is State.STOPPED and self._link.wanted is Wanted.NOTHING

    @property
    def ended_because(self) -> str:
        """Why the backend ended on purpose; "" while it has not."""
        return self._link.ended_because

    @property
    def version(self) -> str:
        """The backend's version, "" while not connected."""
        connection = self._link.connection
        return connection.version if connection is not None else ""

    def begin(self) -> None:
        """Let `poll` connect, or start the backend, though there is no job yet."""
        self._link.wanted = Wanted.RUN

    def join(self) -> None:
        """Let `poll` connect if a backend runs already; none is started."""
        if self._link.wanted is Wanted.NOTHING:
            self._link.wanted = Wanted.JOIN

    def stop(self) -> None:
        """Let `poll` stop the backend, whoever started it. Its jobs are dropped here; they go on at its next start."""
        self._drop_all()
        self._link.stop()

    def close(self) -> None:
        """Leave, at once. Jobs go on without us."""
        self._drop_all()
        self._link.close()

    def submit(self, verb: str, arguments: dict) -> JobHandle:
        """Ask for a job; returns at once. The handle FAILs if the backend refuses."""
        return self._hold(JobHandle(JobInfo(uuid.uuid4().hex, verb, arguments, submitted_at=time.time())))

    def attach(self, job_id: str) -> JobHandle:
        """A handle on a job that another session started (see `ask_for_jobs`)."""
        return self._handles.get(job_id) or self._hold(JobHandle(JobInfo(job_id, "")))

    def cancel(self, handle: JobHandle) -> None:
        """Ask for a job's end; the handle tells when it has come."""
        if not handle.ended:
            handle.cancel_asked = True
            self._ask(protocol.Cancel(handle.id), handle)

    def ask_for_jobs(self) -> JobList:
        """Ask for all jobs that the backend keeps, now or once it is connected; the list is filled when they come."""
        listed = JobList()
        self._lists.append(listed)
        self._ask(protocol.ListJobs(), listed)
        return listed

    def open_live(self, wanted: protocol.LiveOpen) -> LiveHead:
        """A live head, in the place of the one before; opened as soon as the backend is connected, which is started if
        need be."""
        self.close_live()
        self._live = LiveHead(wanted)
        if self._is_ready_to_send:
            self._live_request = self._live.connected(self._send_now)
        else:
            self._link.wanted = Wanted.RUN
        return self._live

    def close_live(self) -> None:
        """Let the live head go, if there is one."""
        live, self._live = self._live, None
        if live is None:
            return
        if not live.is_closed and self._is_ready_to_send:
            self._link.send(protocol.LiveClose())
        live.lose("It was switched off.")

    def poll(self) -> None:
        """Take in what has arrived, and go one step towards the backend that is wanted; never waits. For timers.

        A backend that has died is started again, and goes on with its jobs. Raises TalkerError when that fails, and
        ConnectionLost when it was stopped on purpose while there were jobs; then no job is held any more.
        """
        try:
            messages = self._link.poll()
        except TalkerError:
            self._drop_all()
            raise
        if self.connected and self._seen_connection != self._link.times_connected:
            self._ask_again()
        for message, request in messages:
            self._take(message, request)
        if self._live is not None:
            self._live.go_on()
            if self.idle:
                self._live.lose("The backend has stopped.", "Switch the live head on again: it starts the backend.")

    # The same, blocking: for background mode and scripts -------------------------------------------------------------

    @classmethod
    def open(cls, place: BackendPlace, on_wait: Callable[[], None] = lambda: None) -> Session:
        """A session that is connected; blocks as `connect` does."""
        session = cls(place)
        session.connect(on_wait)
        return session

    def connect(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Connect, starting the backend if need be, and block until it is ready. Raises TalkerError."""
        self.begin()
        while not self.connected:
            on_wait()
            self.poll_and_wait(PAUSE_S)

    def poll_and_wait(self, timeout_s: float) -> None:
        """`poll`, then block until the backend says something, for `timeout_s` at most."""
        self.poll()
        if self._link.connection is not None:
            self._link.connection.wait(timeout_s)
        elif not self.idle:
            time.sleep(min(timeout_s, PAUSE_S))

    def wait(
        self,
        handle: JobHandle,
        timeout_s: float | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> dict:
        """Block until the job has ended; its result.

        Cancels the job when `is_cancelled` turns true, or after `timeout_s`. Raises JobFailed, Cancelled.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        asked = timed_out = False
        while not handle.ended:
            if self.idle:
                raise ConnectionLost(f"The {handle.info.verb} job is not followed any more.", "Start the backend.")
            self.poll_and_wait(0.1)
            timed_out = timed_out or (deadline is not None and time.monotonic() > deadline)
            if not asked and (is_cancelled() or timed_out):
                asked = True
                self.cancel(handle)
        if timed_out and handle.info.state is JobState.CANCELLED:
            raise JobFailed(f"The {handle.info.verb} job took longer than {timeout_s:g} s.", "Give it more time.")
        return handle.result()

    def wait_for_jobs(self) -> list[JobInfo]:
        """Block until the backend's list of jobs has come."""
        self.begin()
        listed = self.ask_for_jobs()
        while listed.jobs is None:
            self.poll_and_wait(0.1)
        return listed.jobs

    def stop_and_wait(self) -> bool:
        """Stop the backend and block until it has ended; False if none ran. Raises InternalError if it lives on."""
        self.stop()
        while self.state is State.STOPPING:
            self.poll_and_wait(PAUSE_S)
        return self._link.had_backend

    # Messages --------------------------------------------------------------------------------------------------------

    def _hold(self, handle: JobHandle) -> JobHandle:
        self._handles[handle.id] = handle
        self._link.wanted = Wanted.RUN
        self._ask_for(handle)
        return handle

    def _ask_for(self, handle: JobHandle) -> None:
        if handle.info.verb:
            self._ask(protocol.Submit(handle.id, handle.info.verb, handle.info.arguments), handle)
        else:
            self._ask(protocol.Status(handle.id), handle)
        if handle.cancel_asked:
            self._ask(protocol.Cancel(handle.id), handle)

    def _ask_again(self) -> None:
        """After a new connection: send every open job once more; the backend knows those that it has by their ids."""
        self._seen_connection = self._link.times_connected
        self._requests.clear()
        for handle in list(self._handles.values()):
            self._ask_for(handle)
        for listed in self._lists:
            self._ask(protocol.ListJobs(), listed)
        if self._live is not None and not self._live.is_closed:
            self._live_request = self._live.connected(self._send_now)
        self._want_no_more_than_needed()

    def _ask(self, message: protocol.Message, about: JobHandle | JobList) -> None:
        """Send a message; while there is no connection it is left to `_ask_again`."""
        if self._is_ready_to_send:
            number = self._link.send(message)
            if number is not None:
                self._requests[number] = about

    @property
    def _is_ready_to_send(self) -> bool:
        return self.connected and self._seen_connection == self._link.times_connected

    def _take(self, message: protocol.Message, request: int) -> None:
        if self._live is not None and self._is_about_live(self._live, message, request):
            return
        asked = self._requests.pop(request, None)
        if isinstance(message, (protocol.Job, protocol.Result)):
            info = JobInfo.from_dict(message.job)
            handle = self._handles.get(info.id)
            if handle is not None:
                handle.take_info(info)
                self._let_go_if_ended(handle)
        elif isinstance(message, protocol.ProgressNews):
            handle = self._handles.get(message.job_id)
            if handle is not None:
                handle.take_progress(Progress.from_dict(message.progress))
        elif isinstance(message, protocol.Jobs):
            if isinstance(asked, JobList):
                asked.jobs = [JobInfo.from_dict(values) for values in message.jobs]
                self._lists = [listed for listed in self._lists if listed is not asked]
        elif isinstance(message, protocol.Goodbye):
            self._take_goodbye(message.reason or "it was told to")
        elif isinstance(message, protocol.Error):
            self._take_refusal(message, asked)

    def _is_about_live(self, live: LiveHead, message: protocol.Message, request: int) -> bool:
        if isinstance(message, protocol.Error):
            if message.code == ErrorCode.HELLO_FIRST:
                return False
            if request == self._live_request:
                live.lose(message.what, message.do)
                return True
        return live.hear(message, request)

    def _send_now(self, message: protocol.Message) -> int | None:
        """Send a message if it can be sent; its number, else None."""
        return self._link.send(message) if self._is_ready_to_send else None

    def _take_goodbye(self, reason: str) -> None:
        had_jobs = bool(self._handles)
        self._drop_all()
        self._link.close(reason)
        if had_jobs:
            do = "Start the backend: unfinished jobs go on by themselves."
            raise ConnectionLost(f"The backend has ended: {reason}.", do)

    def _take_refusal(self, message: protocol.Error, asked: JobHandle | JobList | None) -> None:
        if message.code == ErrorCode.HELLO_FIRST:  # it has forgotten us while we were silent
            self._link.greet_again()
        elif isinstance(asked, JobHandle):
            if not asked.ended:
                asked.fail(message.what, message.do)
                self._let_go_if_ended(asked)
        else:
            raise Refused(message.code, message.what, message.do)

    def _let_go_if_ended(self, handle: JobHandle) -> None:
        if handle.ended:
            self._handles.pop(handle.id, None)
            self._want_no_more_than_needed()
            if handle.on_end is not None:
                handle.on_end(handle)

    def _want_no_more_than_needed(self) -> None:
        """A backend without a job of ours is not started again when it dies."""
        if self.connected and not self._handles:
            self._link.wanted = Wanted.JOIN

    def _drop_all(self) -> None:
        self._handles.clear()
        self._lists.clear()
        self._requests.clear()
        if self._live is not None:
            self._live.lose("The backend has stopped.", "Switch the live head on again: it starts the backend.")
