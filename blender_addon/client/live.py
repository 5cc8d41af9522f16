"""A live head as this side holds it: it is opened, frames are asked of it, and the newest picture is there to be taken.

Frames are asked for without waiting. Of those that come faster than the backend takes messages the newest waits here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..shared import protocol
from ..shared.live import LiveState
from ..shared.live_picture import LivePicture, read_live_picture
from .background import Task

LEAST_INTERVAL_S = 0.0125
"""Between two requests: 80 a second, so that the other messages of this client are heard, too (protocol.md, RATE)."""
_KEPT_REQUESTS = 64
"""Requests that are remembered; a replaced one is never answered."""

Send = Callable[[protocol.Message], int | None]
"""Sends to a connected backend; the request's number, None where it takes no messages now."""


@dataclass(frozen=True)
class Taken:
    """A picture that has come."""

    picture: LivePicture
    tag: int
    """What its request was tagged with."""
    waited_s: float
    """From the request to here."""
    drawn_ms: float
    """Of that, what the head's process worked."""


@dataclass
class _Asked:
    draw: protocol.Draw
    tag: int
    at: float


class LiveHead:
    """One live head of a session, from its opening to its end. Not for use from several threads."""

    def __init__(self, wanted: protocol.LiveOpen) -> None:
        self.wanted = wanted
        self.state = LiveState.OPENING
        self.facts: dict = {}
        """What the backend tells of it (docs/protocol.md, LIVE) once it is READY."""
        self.what, self.do, self.reopen = "", "", False
        """Why it is CLOSED, what to do about it, and whether it can be opened again as it was."""
        self.refused = ""
        """Why the last frame could not be drawn; "" where it was."""
        self.replaced = 0
        """Requests that were never drawn, for a newer one came before their turn."""
        self._send: Send | None = None
        self._waiting: _Asked | None = None
        self._asked: dict[int, _Asked] = {}
        self._reading: tuple[Task[LivePicture | None], _Asked, float] | None = None
        """Of the newest picture; in a thread, for the disk may be slow where none is in memory."""
        self._read: Taken | None = None
        """The newest picture that was read, not taken yet."""
        self._sent_at = 0.0

    @property
    def is_closed(self) -> bool:
        return self.state is LiveState.CLOSED

    @property
    def is_awaiting(self) -> bool:
        """Whether a picture, or its opening, is still to come."""
        is_reading = self._reading is not None
        return self.state is LiveState.OPENING or bool(self._asked) or self._waiting is not None or is_reading

    def ask(self, draw: protocol.Draw, tag: int) -> None:
        """Ask for a frame, now or as soon as it may be; in the place of one that waits. Never waits."""
        if self._waiting is not None:
            self.replaced += 1
        self._waiting = _Asked(draw, tag, time.monotonic())
        self.go_on()

    def take(self) -> Taken | None:
        """The newest picture, once; None where there is none that is new."""
        self._end_reading()
        taken, self._read = self._read, None
        return taken

    # For the session ------------------------------------------------------------------------------------------------

    def connected(self, send: Send) -> int | None:
        """There is a (new) connection to a backend: open it there; the request's number."""
        self._send, self._asked, self._reading, self._read = send, {}, None, None
        self.state = LiveState.OPENING
        return send(self.wanted)

    def go_on(self) -> None:
        """Send the request that waits, if it may be sent now."""
        now = time.monotonic()
        if self._waiting is None or self._send is None or self.is_closed or now - self._sent_at < LEAST_INTERVAL_S:
            return
        asked = self._waiting
        number = self._send(asked.draw)
        if number is not None:
            self._sent_at, self._waiting = now, None
            self._asked[number] = asked
            while len(self._asked) > _KEPT_REQUESTS:
                del self._asked[next(iter(self._asked))]

    def hear(self, message: protocol.Message, request: int) -> bool:
        """Take in a message; False where it is none about this head."""
        if isinstance(message, protocol.Live):
            self._hear_state(message)
        elif isinstance(message, protocol.Drawn):
            asked = self._answered(request)
            if asked is not None:
                self._end_reading()  # whoever looks seldom sees the picture before, at least
                path, drawing = message.path, message.number
                task = Task(lambda: read_live_picture(path, drawing))
                self._reading, self.refused = (task, asked, message.took_ms), ""
            self.replaced += message.replaced
        elif isinstance(message, protocol.Error) and self._answered(request) is not None:
            self.refused = f"{message.what} {message.do}".strip()
        else:
            return False
        return True

    def lose(self, what: str, do: str = "") -> None:
        """It is gone."""
        if not self.is_closed:
            self.state, self.what, self.do, self.reopen = LiveState.CLOSED, what, do, False
        self._send, self._waiting, self._asked, self._reading, self._read = None, None, {}, None, None

    def _end_reading(self) -> None:
        """Keep what was read, if that has ended."""
        if self._reading is not None and self._reading[0].ended:
            (task, asked, drawn_ms), self._reading = self._reading, None
            picture = task.result()
            if picture is not None:
                self._read = Taken(picture, asked.tag, time.monotonic() - asked.at, drawn_ms)

    def _hear_state(self, message: protocol.Live) -> None:
        if message.state == LiveState.READY:
            self.state, self.facts = LiveState.READY, message.head
            for asked in self._asked.values():  # what was asked for before waited for the head, not for its picture
                asked.at = time.monotonic()
        elif message.state == LiveState.CLOSED and not self.is_closed:
            self.lose(message.what, message.do)
            self.reopen = message.reopen

    def _answered(self, request: int) -> _Asked | None:
        """What was asked with a request that is answered; those before it were replaced."""
        asked = self._asked.get(request)
        if asked is not None:
            self._asked = {number: later for number, later in self._asked.items() if number > request}
        return asked
