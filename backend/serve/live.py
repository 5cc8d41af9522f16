"""Live heads: for each client that wants one a warm process with a loaded head, beside the jobs.

Of the pictures that a client asks for, one is being drawn and one waits; a newer one takes the place of the one that
waits. Nothing here blocks.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.settings import ServeSettings
from shared import protocol
from shared.files import explained
from shared.live import LiveState
from shared.protocol import ErrorCode, ProtocolError
from shared.python_child import module_command
from shared.scratch import LIVE, memory_disk, remove_abandoned, scratch_folder

from .clients import Client
from .worker_process import LineProcess, describe_exit

log = logging.getLogger(__name__)

ROOM_BYTES = 128 << 20
"""So much must be free on a disk in memory, or pictures go to the folder for temporary files."""

EXIT_S = 3.0
"""A killed process has ended within this time, seconds."""
Tell = Callable[[bytes, protocol.Message, int], None]
"""Sends a message to a client's route, as the answer to a request."""


@dataclass
class _Asked:
    request: int
    draw: protocol.Draw


class _Head:
    """One client's live head."""

    def __init__(self, route: bytes, number: int, process: LineProcess, folder: ExitStack, deadline: float) -> None:
        self.route, self.number, self.process, self.folder = route, number, process, folder
        self.state = LiveState.OPENING
        self.deadline: float | None = deadline
        """Monotonic seconds by which the process must have said something; None: nothing is asked of it."""
        self.drawing: _Asked | None = None
        self.waiting: _Asked | None = None
        self.replaced = 0
        """Requests since the last picture that a newer one took the place of."""
        self.drawings = 0
        self.last_used = time.monotonic()


class LiveHeads:
    """The live heads of a backend's clients."""

    def __init__(
        self, state_dir: Path, settings: ServeSettings, tell: Tell, ring: Callable[[], object], heads: str
    ) -> None:
        """ring: wakes the loop, from any thread; heads: import path of what opens them (backend.serve.live_worker)."""
        self._logs, self._settings = state_dir / "logs", settings
        self._tell, self._ring, self._heads = tell, ring, heads
        self._there: dict[str, _Head] = {}
        """By the connection that a client was greeted on."""
        self._leaving: list[_Head] = []
        """Heads that are closed, and whose process has still to end."""
        remove_abandoned(LIVE)  # pictures of a person, if that backend and its heads were killed together

    def open(self, client: Client, route: bytes, asked: protocol.LiveOpen) -> protocol.Live:
        """Start a client's live head, in the place of the one that it has. Raises ProtocolError."""
        self._end(client.connection)
        taken = {head.number for head in self._there.values()}
        free = [number for number in range(self._settings.most_live) if number not in taken]
        if not free:
            what = f"{len(taken)} live heads are open already, the most that this backend keeps."
            raise ProtocolError(ErrorCode.REFUSED, what, "Switch off the one in another window.")
        with ExitStack() as made:
            try:
                folder = made.enter_context(scratch_folder(LIVE, memory_disk(ROOM_BYTES)))
                most_bytes = self._settings.live_memory_mb << 20
                command = module_command(
                    sys.executable, "backend.serve.live_worker", "--heads", self._heads, "--folder", str(folder),
                    "--most-bytes", str(most_bytes),
                )  # fmt: skip
                process = LineProcess(
                    f"live head {free[0]}", command, self._logs / f"live{free[0]}.log", self._ring
                )  # fmt: skip
            except OSError as error:
                in_words = explained(error, self._logs)
                what = f"The live head cannot be started. {in_words.what}"
                raise ProtocolError(ErrorCode.REFUSED, what, in_words.do) from error
            deadline = time.monotonic() + self._settings.start_timeout_s
            self._there[client.connection] = _Head(route, free[0], process, made.pop_all(), deadline)
        log.info("live head %d of client %r in process %d", free[0], client.name, process.pid)
        process.send({"open": asdict(asked)})
        return protocol.Live(str(LiveState.OPENING))

    def close(self, client: Client) -> protocol.Live:
        """Let a client's live head go, if it has one."""
        self._end(client.connection)
        return protocol.Live(str(LiveState.CLOSED))

    def draw(self, client: Client, request: int, asked: protocol.Draw) -> None:
        """Have a frame drawn, now or next. Raises ProtocolError for a client without a live head."""
        head = self._there.get(client.connection)
        if head is None:
            raise ProtocolError(ErrorCode.REFUSED, "No live head is open.", "Open one (LIVE_OPEN).")
        head.last_used = time.monotonic()
        if head.waiting is not None:
            head.replaced += 1
        head.waiting = _Asked(request, asked)
        self._go_on(head)

    def tick(self, connections: set[str]) -> None:
        """Pass on what was drawn, and close the heads whose process or client has gone, or that nobody uses.

        connections: of the clients that are there.
        """
        now = time.monotonic()
        self._see_off()
        for connection, head in list(self._there.items()):
            if connection not in connections:
                self._end(connection)
                continue
            for event in head.process.events():
                self._hear(connection, head, event)
            if connection not in self._there:
                continue
            status = head.process.exit_status
            if status is not None:
                what = f"The live head's process has ended: {describe_exit(status)}."
                self._lose(connection, what, f"The log {self._log_of(head)} tells more.")
            elif head.deadline is not None and now > head.deadline:
                self._lose(connection, "The live head's process does not answer.", "Switch it on again.")
            elif head.state is LiveState.READY and now - head.last_used > self._settings.live_idle_s:
                what = f"The live head was not looked at for {self._settings.live_idle_s:g} s."
                self._lose(connection, what, "", reopen=True)

    def stop(self) -> None:
        """Close all of them."""
        for connection in list(self._there):
            self._end(connection)
        for head in self._leaving:
            head.process.join(EXIT_S)
            self._tidy(head)

    def _hear(self, connection: str, head: _Head, event: dict) -> None:
        kind = event.get("event")
        if kind == "ready":
            head.state, head.deadline = LiveState.READY, None
            self._tell(head.route, protocol.Live(str(head.state), event["head"]), 0)
            self._go_on(head)
        elif kind in ("drawn", "refused") and head.drawing is not None:
            asked, head.drawing, head.deadline = head.drawing, None, None
            self._go_on(head)
            self._tell(head.route, self._answer(head, asked, event), asked.request)
        elif kind == "closed":
            self._lose(connection, str(event["what"]), str(event["do"]), reopen=bool(event["reopen"]))

    def _answer(self, head: _Head, asked: _Asked, event: dict) -> protocol.Message:
        if event["event"] == "refused":
            return protocol.Error(str(ErrorCode.REFUSED), event["what"], event["do"])
        replaced, head.replaced = head.replaced, 0
        return protocol.Drawn(event["path"], event["number"], asked.draw.frame, event["took_ms"], replaced)

    def _go_on(self, head: _Head) -> None:
        """Have the frame that waits drawn, if the process is free."""
        if head.state is not LiveState.READY or head.drawing is not None or head.waiting is None:
            return
        head.drawing, head.waiting = head.waiting, None
        head.drawings += 1
        head.deadline = time.monotonic() + self._settings.live_draw_s
        head.process.send({"draw": {"number": head.drawings, **asdict(head.drawing.draw)}})

    def _lose(self, connection: str, what: str, do: str, *, reopen: bool = False) -> None:
        """Close a head that its client has not asked to close, and say so."""
        head = self._there[connection]
        log.info("live head %d is closed: %s", head.number, what)
        self._end(connection)
        self._tell(head.route, protocol.Live(str(LiveState.CLOSED), what=what, do=do, reopen=reopen), 0)

    def _end(self, connection: str) -> None:
        head = self._there.pop(connection, None)
        if head is None:
            return
        head.process.kill()
        self._leaving.append(head)

    def _see_off(self) -> None:
        """Take away what is left of closed heads whose process has ended."""
        for head in list(self._leaving):
            head.process.events()
            if head.process.exit_status is not None:
                self._leaving.remove(head)
                self._tidy(head)

    def _tidy(self, head: _Head) -> None:
        head.process.close()
        try:
            head.folder.close()
        except OSError as error:  # Windows: a picture is just being read; the next live head's start removes it
            log.info("the pictures of live head %d stay for now (%s)", head.number, error)

    def _log_of(self, head: _Head) -> Path:
        return self._logs / f"live{head.number}.log"
