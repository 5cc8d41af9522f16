"""The ready file: how a client finds a running backend. Only its owner may read it, for it holds the token."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import TalkerError
from .files import write_json

BACKEND_LOCK = "backend.lock"
"""Name of the lock file in the state folder that a living backend holds (shared.locking)."""


class NotReady(TalkerError):
    """There is no usable ready file (yet)."""


@dataclass(frozen=True)
class ReadyFile:
    """Where a backend listens, and the token that it asks for."""

    host: str
    port: int
    pid: int
    token: str
    protocol: int
    version: str

    @property
    def endpoint(self) -> str:
        """ZeroMQ address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    def write(self, path: Path) -> None:
        """Write with mode 0600 under a temporary name, then rename: a reader sees all of it or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self), mode=0o600)

    @classmethod
    def read(cls, path: Path) -> ReadyFile:
        """Read what `write` wrote. Raises NotReady where it is missing or damaged."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            ready = cls(**{f.name: values[f.name] for f in fields(cls)})
        except FileNotFoundError as error:
            raise NotReady("The backend is not running.", "Start the backend.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotReady(f"{path} cannot be read ({error!r}).", "Start the backend again.") from error
        numbers = (ready.port, ready.pid, ready.protocol)
        if any(type(n) is not int for n in numbers) or not 0 < ready.port < 65536:
            raise NotReady(f"{path} is damaged.", "Start the backend again.")
        return ready

    @classmethod
    def remove(cls, path: Path, pid: int) -> None:
        """Remove the ready file at `path` if the process `pid` wrote it."""
        try:
            if cls.read(path).pid != pid:
                return
        except NotReady:
            return
        path.unlink(missing_ok=True)
