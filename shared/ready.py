"""The ready file: how a client finds a running backend. Only its owner may read it, for it holds the client's key."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .errors import TalkerError
from .files import write_json
from .private import FILE_MODE, FOLDER_MODE, is_foreign

READY_FILE = "backend.ready.json"
"""What the add-on has its backend call the ready file, in the state folder."""
BACKEND_LOCK = "backend.lock"
"""Name of the lock file in the state folder that a living backend holds (shared.locking)."""

_KEYED_SINCE = 2
"""Protocol versions before this one had a token in the place of the keys."""
_KEY_FIELDS = ("server_key", "client_key", "client_secret")
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
"""A CURVE key as text, in Z85."""


class NotReady(TalkerError):
    """There is no usable ready file (yet)."""


@dataclass(frozen=True)
class ReadyFile:
    """Where a backend listens, and the keys by which it and its client know each other (CURVE keys in Z85).

    A backend of protocol 1 had none: there they are empty.
    """

    host: str
    port: int
    pid: int
    server_key: str
    """The backend's public key: who answers without its secret is not the backend."""
    client_key: str
    """The client's public key, which the backend lets in."""
    client_secret: str
    """The secret that goes with it."""
    protocol: int
    version: str

    @property
    def endpoint(self) -> str:
        """ZeroMQ address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    def write(self, path: Path) -> None:
        """Write with mode 0600 under a temporary name, then rename: a reader sees all of it or nothing.

        The empty `token` is for add-ons of protocol 1: they take a file without one for damaged; with it they read on,
        see that the protocol is another one, and replace the backend by their own.
        """
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        write_json(path, {**asdict(self), "token": ""}, mode=FILE_MODE)

    @classmethod
    def read(cls, path: Path) -> ReadyFile:
        """Read what `write` wrote. Raises NotReady where it is missing, damaged, or another user's."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            ready = cls(**{f.name: _value(values, f.name) for f in fields(cls)})
            foreign = is_foreign(path)
        except FileNotFoundError as error:
            raise NotReady("The backend is not running.", "Start the backend.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotReady(f"{path} cannot be read ({error!r}).", "Start the backend again.") from error
        if foreign:
            raise NotReady(f"{path} belongs to another user.", "Delete it, or choose a folder of your own.")
        if not ready._is_whole():
            raise NotReady(f"{path} is damaged.", "Start the backend again.")
        return ready

    def _is_whole(self) -> bool:
        numbers, texts = (self.port, self.pid, self.protocol), (self.host, self.version)
        if any(type(n) is not int for n in numbers) or any(type(t) is not str for t in texts):
            return False
        keys = [getattr(self, name) for name in _KEY_FIELDS]
        has_keys = all(type(key) is str and _KEY.fullmatch(key) for key in keys)
        return 0 < self.port < 65536 and (has_keys or self.protocol < _KEYED_SINCE)

    @classmethod
    def remove(cls, path: Path, pid: int) -> None:
        """Remove the ready file at `path` if the process `pid` wrote it."""
        try:
            if cls.read(path).pid != pid:
                return
        except NotReady:
            return
        path.unlink(missing_ok=True)


def _value(values: dict[str, Any], name: str) -> Any:
    if name in _KEY_FIELDS and values["protocol"] == 1:
        return ""
    return values[name]
