"""The one line that this Blender holds to its backend, and the job that its windows look at.

Plain Python objects in this module, never bpy references: undo and file loading leave them alone.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy

from .client import process
from .client.session import JobHandle, Session
from .client.transport import Refused
from .shared.errors import InputError, TalkerError
from .shared.jobs import JobState

FIND_TIMEOUT_S = 0.5


class _State:
    session: Session | None = None
    handle: JobHandle | None = None


def session(context: bpy.types.Context | None = None) -> Session:
    """This Blender's session; not connected yet when it is new: submit a job and poll it."""
    if _State.session is None:
        from .preferences import backend_place

        _State.session = Session(backend_place(context or bpy.context))
    return _State.session


def handle() -> JobHandle | None:
    """The job that was submitted or attached last, ended or not."""
    return _State.handle


def is_busy() -> bool:
    """Whether that job has not ended."""
    return _State.handle is not None and not _State.handle.ended


def backend_word() -> str:
    """How the backend stands, in the words of properties.TalkerJob.backend."""
    if _State.session is None:
        return ""
    if _State.session.connected:
        return "READY"
    return "STARTING" if _State.session.starting or not _State.session.was_connected else "LOST"


def submit(verb: str, arguments: dict) -> JobHandle:
    """Ask for a job; returns at once. Raises InputError while another one of this Blender has not ended."""
    if is_busy():
        raise InputError(f"The {_State.handle.info.verb} job has not ended.", "Wait for it, or cancel it.")
    _State.handle = session().submit(verb, arguments)
    return _State.handle


def attach(job_id: str) -> JobHandle:
    """Follow a job that another window or an earlier Blender started."""
    _State.handle = session().attach(job_id)
    return _State.handle


def cancel() -> bool:
    """Ask for the job's end; False where there is none."""
    if not is_busy():
        return False
    session().cancel(_State.handle)
    return True


def drop() -> None:
    """Look at no job any more. The job itself goes on."""
    _State.handle = None


def connect(on_wait: Callable[[], None] = lambda: None) -> Session:
    """Block until the backend is connected, starting it if need be."""
    current = session()
    if not current.connected:
        current.connect(on_wait)
    return current


def find() -> bool:
    """Join a backend that runs already, and the job that it is doing; False if none runs. Starts nothing.

    For a Blender that has just been opened: an earlier one may have left a job at work.
    """
    if _State.session is None:
        from .preferences import backend_place

        place = backend_place(bpy.context)
        try:
            connection = process.find_running(place, timeout_s=FIND_TIMEOUT_S)
        except Refused:  # of another version: the next job replaces it
            return False
        if connection is None:
            return False
        _State.session = Session(place, connection)
        attach_unfinished()
    return True


def attach_unfinished() -> JobHandle | None:
    """Follow the first job that the connected backend has not ended; None where there is none."""
    unfinished = open_jobs()
    return attach(unfinished[0]) if unfinished else None


def poll() -> None:
    """Hear what the backend has to say, also between jobs. Raises TalkerError when a job's backend is lost."""
    if _State.session is None:
        return
    _State.session.poll()
    if _State.session.stopped:  # by another Blender, between jobs: the next job starts a fresh one
        close()


def open_jobs() -> list[str]:
    """Ids of the jobs that the connected backend has not ended, the running one first."""
    unfinished = [job for job in session().list_jobs() if not job.state.is_final]
    return [job.id for job in sorted(unfinished, key=lambda job: job.state is JobState.PENDING)]


def run(
    verb: str,
    arguments: dict,
    *,
    timeout_s: float | None = None,
    on_poll: Callable[[JobHandle], None] = lambda handle: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> dict:
    """Do a job and block until it has ended: for background mode, where nothing else could happen meanwhile.

    `on_poll` is called about ten times a second. Ctrl-C cancels the job. Raises TalkerError, Cancelled among them.
    """
    job = submit(verb, arguments)
    interrupted = False

    def asked() -> bool:
        on_poll(job)
        return interrupted or is_cancelled()

    while True:
        try:
            return session().wait(job, timeout_s, asked)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
        except TalkerError:
            on_poll(job)
            raise


def stop_backend() -> bool:
    """Stop the backend, whoever started it; False if none ran. Unfinished jobs go on at its next start."""
    from .preferences import backend_place

    close()
    return process.stop(backend_place(bpy.context))


def close() -> None:
    """Leave the backend; jobs go on without us. A socket left open would keep Blender from ending."""
    if _State.session is not None:
        _State.session.close()
    _State.session = _State.handle = None
