"""The link to one backend: found, started, greeted, lost, found again, stopped; a state machine that never waits.

`poll` does one step of the present state. Every state but STOPPED and CONNECTED has a deadline.

    STOPPED     a backend is wanted → LOOKING
    LOOKING     it listens → GREETING · another version listens → STOPPING · none → STARTING (only joining: STOPPED)
    STARTING    its ready file is there → GREETING
    GREETING    it answers HELLO → CONNECTED · no answer → LOST · another version → STOPPING
    CONNECTED   its process is gone, or it is silent for long → LOOKING · it says GOODBYE → STOPPED
    LOST        after a while → LOOKING
    STOPPING    it has ended → STOPPED (another version is replaced: STARTING)

An error, or a deadline that passes for good, leads to STOPPED, and `poll` raises it.

Locked by tests/unit/client/test_stalled_backend.py: no step waits.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import NoReturn

from ..shared import protocol
from ..shared.errors import TalkerError
from ..shared.protocol import ErrorCode, Message
from ..shared.ready import ReadyFile
from ..shared.version import VERSION
from .background import Task
from .process import BackendPlace, Seen, Starting, Stopping, look
from .transport import Connection, ConnectionLost, Refused

REVIVALS = 3
"""How often a backend that dies under a session is started again; then the session gives up."""
SUSPECT_S = 1.5 * protocol.HEARTBEAT_S
"""A heartbeat that is late by half its interval is reason to look whether the backend's process still exists."""
LOOK_TIMEOUT_S = 15.0
"""Looking at the ready file and the port is a matter of milliseconds, but the file may lie on a slow network."""
GREETING_TIMEOUT_S = 3.0
RETRY_S = 2.0
"""How often a backend that lives but does not answer is greeted again."""
STALL_TIMEOUT_S = 60.0
"""A backend that lives but has not answered for this long is given up."""


class State(Enum):
    """Where the link stands; see the text of this module for what leads from one to the next."""

    STOPPED = auto()
    LOOKING = auto()
    STARTING = auto()
    GREETING = auto()
    CONNECTED = auto()
    LOST = auto()
    STOPPING = auto()


class Wanted(Enum):
    """What the link is after."""

    NOTHING = auto()
    JOIN = auto()
    """A backend that runs already."""
    RUN = auto()
    """A backend, started if need be."""


class BackendLink:
    """A link to the backend of one place. `wanted` says what `poll` works towards."""

    def __init__(self, place: BackendPlace) -> None:
        self.place = place
        self.state = State.STOPPED
        self.wanted = Wanted.NOTHING
        self.times_connected = 0
        """How often a backend has answered HELLO; rises with each connection."""
        self.was_connected = False
        """Whether one has since something was wanted anew."""
        self.ended_because = ""
        """Why the backend ended on purpose; "" while it has not."""
        self.had_backend = False
        """Whether there was a backend to stop; known once `stop` has come to its end."""
        self._connection: Connection | None = None
        self._looking: Task[Seen] | None = None
        self._starting: Starting | None = None
        self._stopping: Stopping | None = None
        self._replacing = False
        self._starts = 0
        self._entered = 0.0
        self._silent_since: float | None = None

    @property
    def connected(self) -> bool:
        return self.state is State.CONNECTED

    @property
    def is_silent(self) -> bool:
        """Whether there is a backend that has not answered yet, or does not any more."""
        return self._silent_since is not None

    @property
    def connection(self) -> Connection | None:
        """The socket, greeted or not; None in the states without one."""
        return self._connection

    def poll(self) -> list[tuple[Message, int]]:
        """One step of the present state; what a connected backend has said. Never waits. Raises TalkerError."""
        match self.state:
            case State.STOPPED:
                if self.wanted is not Wanted.NOTHING:
                    self._begin()
            case State.LOOKING:
                self._take_look()
            case State.STARTING:
                self._see_start()
            case State.GREETING:
                self._hear_welcome()
            case State.CONNECTED:
                return self._hear()
            case State.LOST:
                self._retry()
            case State.STOPPING:
                self._see_stop()
        return []

    def send(self, message: Message) -> int | None:
        """Send to a connected backend; the request number. None where it takes no messages: it counts as lost."""
        assert self._connection is not None
        try:
            return self._connection.send(message)
        except ConnectionLost:
            self._lose()
            return None

    def stop(self) -> None:
        """Let `poll` stop the backend, whoever started it."""
        self.wanted = Wanted.NOTHING
        self._replacing = self.had_backend = False
        self._begin_to_stop()

    def close(self, reason: str = "") -> None:
        """Leave, at once; `reason` where the backend said why it ends."""
        self.wanted = Wanted.NOTHING
        self.ended_because = reason
        self._silent_since = None
        self._disconnect()
        self._enter(State.STOPPED)

    def greet_again(self) -> None:
        """Find the same backend again: it has forgotten us, or does not answer."""
        self._disconnect()
        place = self.place
        self._looking = Task(lambda: look(place))
        self._enter(State.LOOKING)

    # States ----------------------------------------------------------------------------------------------------------

    def _enter(self, state: State) -> None:
        self.state = state
        self._entered = time.monotonic()

    @property
    def _in_state_s(self) -> float:
        return time.monotonic() - self._entered

    def _begin(self) -> None:
        self._starts, self._silent_since = 0, None
        self.was_connected, self.ended_because = False, ""
        self.greet_again()

    def _give_up(self, error: TalkerError) -> NoReturn:
        self.close()
        raise error

    def _take_look(self) -> None:
        looking = self._looking
        if looking is None or not looking.ended:
            if self._in_state_s > LOOK_TIMEOUT_S:
                what = f"{self.place.state_dir} cannot be read within {LOOK_TIMEOUT_S:g} s."
                self._give_up(ConnectionLost(what, "Check the disk or network that holds it."))
            return
        self._looking = None
        try:
            seen = looking.result()
        except TalkerError as error:
            self._give_up(error)
        if seen.ready is None or not seen.listens:
            self._start()
        elif seen.ready.version != VERSION:
            self._replace()
        else:
            self._greet(seen.ready)

    def _start(self) -> None:
        """A backend is wanted and none is there."""
        if self.wanted is Wanted.JOIN:
            self.close()
            return
        if self._starts > REVIVALS:
            self._give_up(ConnectionLost("The backend keeps ending.", f"See {self.place.log_file}."))
        self._starts += 1
        self._starting = Starting(self.place)
        self._enter(State.STARTING)

    def _see_start(self) -> None:
        assert self._starting is not None
        try:
            if self._starting.poll():
                self._greet(self._starting.result())
        except TalkerError as error:
            self._give_up(error)

    def _replace(self) -> None:
        """The backend is of another version: one of ours takes its place, and its jobs go on."""
        if self.wanted is Wanted.JOIN:
            self.close()
            return
        self._replacing = True
        self._begin_to_stop()

    def _greet(self, ready: ReadyFile) -> None:
        self._disconnect()
        try:
            self._connection = Connection.begin(ready)
        except Refused:
            self._replace()
        except ConnectionLost:
            self._lose()
        else:
            self._enter(State.GREETING)

    def _hear_welcome(self) -> None:
        assert self._connection is not None
        try:
            if self._connection.is_greeted():
                self._enter(State.CONNECTED)
                self.times_connected += 1
                self.was_connected = True
                self._silent_since = None
            elif self._in_state_s > GREETING_TIMEOUT_S:
                self._lose()
        except ConnectionLost:
            self._lose()
        except Refused as error:
            self._disconnect()
            if error.code == ErrorCode.WRONG_VERSION:
                self._replace()
            else:
                self._give_up(error)

    def _hear(self) -> list[tuple[Message, int]]:
        assert self._connection is not None
        try:
            messages = self._connection.poll()
            silence_s = self._connection.silence_s
        except ConnectionLost:
            self.greet_again()
            return []
        if silence_s > protocol.HEARTBEAT_TIMEOUT_S:
            # A window that was busy itself (a render, a file dialog) also comes here: ask before giving up.
            self.greet_again()
        elif silence_s > SUSPECT_S:
            self._suspect()
        else:
            self._looking = None
        return messages

    def _suspect(self) -> None:
        """Look whether the process still exists, beside the connection, which may only be slow."""
        if self._looking is None:
            place = self.place
            self._looking = Task(lambda: look(place))
        elif self._looking.ended:
            seen, self._looking = self._looking.result(), None
            if not seen.listens:
                self.greet_again()

    def _lose(self) -> None:
        """It lives and does not answer."""
        self._disconnect()
        self._silent_since = time.monotonic() if self._silent_since is None else self._silent_since
        self._enter(State.LOST)

    def _retry(self) -> None:
        assert self._silent_since is not None
        if time.monotonic() - self._silent_since > STALL_TIMEOUT_S:
            if self.wanted is Wanted.JOIN:
                self.close()
                return
            self._give_up(ConnectionLost("The backend does not answer.", "Stop it and start it again; jobs go on."))
        if self._in_state_s > RETRY_S:
            self.greet_again()

    def _begin_to_stop(self) -> None:
        self._disconnect()
        self._stopping = Stopping(self.place)
        self._enter(State.STOPPING)

    def _see_stop(self) -> None:
        assert self._stopping is not None
        try:
            if not self._stopping.poll():
                return
        except TalkerError as error:
            self._give_up(error)
        self.had_backend = self._stopping.result()
        self._stopping = None
        if self._replacing:
            self._replacing = False
            self._start()
        else:
            self._enter(State.STOPPED)

    def _disconnect(self) -> None:
        self._looking = self._starting = self._stopping = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
