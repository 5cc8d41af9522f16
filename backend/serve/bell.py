"""What wakes the backend's loop when something has come from elsewhere than its clients."""

from __future__ import annotations

import contextlib
import socket

_MANY = 4096


class Bell:
    """Rung from any thread; the loop polls `heard` together with its other sockets."""

    def __init__(self) -> None:
        self.heard, self._rope = socket.socketpair()
        self.heard.setblocking(False)
        self._rope.setblocking(False)

    def ring(self) -> None:
        """Let the loop take a turn. Never waits."""
        with contextlib.suppress(OSError):  # it rings already, or the backend has ended
            self._rope.send(b"\0")

    def silence(self) -> None:
        """Be ready to be rung again."""
        with contextlib.suppress(BlockingIOError):
            while len(self.heard.recv(_MANY)) == _MANY:
                pass

    def close(self) -> None:
        """Give the sockets back."""
        self.heard.close()
        self._rope.close()
