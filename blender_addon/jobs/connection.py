"""The one session that this Blender has with its backend, and the job that its windows look at.

Plain Python objects in this module, never bpy references: undo and file loading leave them alone. Only `connect`,
`stop_and_wait` and `leave_for_good` block.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy

from .. import backend_place
from ..client import transport
from ..client.handles import JobHandle, JobList
from ..client.link import State
from ..client.session import Session
from ..shared.errors import InputError, TalkerError


class _Current:
    session: Session | None = None
    handle: JobHandle | None = None
    listing: JobList | None = None
    """The backend's jobs, asked for so that an unfinished one can be followed."""
    trouble: TalkerError | None = None
    """What went wrong at a `poll_beside`, for the next `poll` to tell."""


_WORDS = {
    State.STARTING: "STARTING",
    State.CONNECTED: "READY",
    State.LOST: "LOST",
    State.STOPPING: "STOPPING",
}


def session() -> Session:
    """This Blender's session. A new one, for the place that the preferences name now, where the last has stopped."""
    current = _Current.session
    if current is None or current.idle:
        place = backend_place.place(backend_place.addon_preferences(bpy.context))
        if current is None or current.place != place:
            current = _Current.session = Session(place)
    return current


def handle() -> JobHandle | None:
    """The job that was submitted or attached last, ended or not."""
    return _Current.handle


def rendered_line() -> str:
    """Id of the line that is being rendered; "" where none is."""
    job = handle()
    if job is None or job.ended or job.info.verb != "render":
        return ""
    return str(job.info.arguments.get("take_id") or "")


def is_busy() -> bool:
    """Whether that job has not ended."""
    return _Current.handle is not None and not _Current.handle.ended


def backend_word() -> str:
    """How the backend stands, in the words of properties.TalkerJob.backend."""
    current = _Current.session
    if current is None or current.idle or (current.joining and not current.was_connected):
        return ""
    return _WORDS.get(current.state, "LOST" if current.was_connected or current.is_silent else "STARTING")


def has_stopped() -> bool:
    """Whether the backend is stopped on purpose, or has been."""
    current = _Current.session
    return current is None or current.state is State.STOPPING or current.idle


def is_moving() -> bool:
    """Whether the session is on its way from one state to the next, so that polling it soon is worth while."""
    current = _Current.session
    return current is not None and not current.idle and current.state is not State.CONNECTED


def submit(verb: str, arguments: dict) -> JobHandle:
    """Ask for a job; returns at once. Raises InputError while another one of this Blender has not ended."""
    if _Current.handle is not None and not _Current.handle.ended:
        raise InputError(f"The {_Current.handle.info.verb} job has not ended.", "Wait for it, or cancel it.")
    _Current.handle = session().submit(verb, arguments)
    return _Current.handle


def attach(job_id: str) -> JobHandle:
    """Follow a job that another window or an earlier Blender started."""
    _Current.handle = session().attach(job_id)
    return _Current.handle


def cancel() -> bool:
    """Ask for the job's end; False where there is none."""
    if _Current.handle is None or _Current.handle.ended:
        return False
    session().cancel(_Current.handle)
    return True


def drop() -> None:
    """Look at no job any more. The job itself goes on."""
    _Current.handle = None


def join() -> None:
    """Join a backend that runs already, and follow the job that it is doing, as `poll` finds them. Starts nothing.

    For a Blender that has just been opened: an earlier one may have left a job at work.
    """
    session().join()
    follow_unfinished()


def begin() -> None:
    """Connect to the backend, or start it, as `poll` finds it, and follow the job that it is doing."""
    session().begin()
    follow_unfinished()


def follow_unfinished() -> None:
    """Ask the backend for its jobs, and follow the first unfinished one once `poll` hears of it."""
    _Current.listing = session().ask_for_jobs()


def is_listing() -> bool:
    """Whether the answer to that has still to come."""
    return _Current.listing is not None


def poll() -> None:
    """Take in what the backend says, also between jobs; never waits. Raises TalkerError when its backend is lost."""
    trouble, _Current.trouble = _Current.trouble, None
    if trouble is not None:
        raise trouble
    current = _Current.session
    if current is None:
        return
    current.poll()
    listing = _Current.listing
    if current.idle:
        _Current.listing = None
    elif listing is not None and listing.jobs is not None:
        _Current.listing = None
        unfinished = listing.unfinished()
        if unfinished and not is_busy():
            attach(unfinished[0].id)


def poll_beside() -> None:
    """`poll` for who looks at something else than jobs: a trouble is kept for who follows those, and told at the next
    `poll`."""
    try:
        poll()
    except TalkerError as error:
        _Current.trouble = error


def stop() -> None:
    """Let `poll` stop the backend, whoever started it. Unfinished jobs go on at its next start."""
    _Current.listing = None
    session().stop()


def close() -> None:
    """Leave the backend, at once; jobs go on without us."""
    if _Current.session is not None:
        _Current.session.close()
    _Current.session = _Current.handle = _Current.listing = _Current.trouble = None


def connect(on_wait: Callable[[], None] = lambda: None) -> Session:
    """For background mode: block until the backend is connected, starting it if need be."""
    current = session()
    if not current.connected:
        current.connect(on_wait)
    return current


def stop_and_wait() -> bool:
    """For background mode: stop the backend and block until it has ended; False if none ran."""
    current = session()
    try:
        return current.stop_and_wait()
    finally:
        close()


def leave_for_good() -> None:
    """Close every socket, for a Blender that ends. Blocks for some milliseconds."""
    close()
    transport.end()
