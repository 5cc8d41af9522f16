"""CURVE keys: the backend's own pair, and which clients' keys open the door.

A backend on the loopback makes both for each start and writes the client's into the ready file. One that other
machines may reach has a folder of keys instead, made and handed over by a person (`talker keys`):

    server.json          the backend's pair
    clients/NAME.json    a client's public key; delete it to shut that client out
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import zmq

from shared.errors import InputError
from shared.files import explaining, write_json
from shared.private import FILE_MODE, is_foreign, make_private
from shared.protocol import PROTOCOL_VERSION
from shared.ready import ReadyFile
from shared.version import VERSION

log = logging.getLogger(__name__)

SERVER_FILE = "server.json"
CLIENTS_FOLDER = "clients"
THIS_MACHINE = "this machine"
"""What the client of the ready file is called in the log."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class KeyPair:
    """A public key and its secret, in Z85."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls) -> KeyPair:
        """A new pair. Raises InputError where ZeroMQ has no CURVE."""
        if not zmq.has("curve"):
            raise InputError(
                "This ZeroMQ was built without encryption (CURVE).",
                "Install the backend again: the packages that it pins have it.",
            )
        public, secret = zmq.curve_keypair()
        return cls(public.decode("ascii"), secret.decode("ascii"))


class KeyFolder:
    """Keys that outlive a start, for clients on other machines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def server(self) -> KeyPair:
        """The backend's pair. Raises InputError where there is none, or others may have read it."""
        path = self.folder / SERVER_FILE
        values = self._read(path)
        public, secret = values.get("public"), values.get("secret")
        if not isinstance(public, str) or not isinstance(secret, str) or _public_of(secret) != public:
            raise InputError(f"{path} is damaged.", "Delete it, make new keys (talker keys), and hand them over.")
        return KeyPair(public, secret)

    def make(self) -> KeyPair:
        """The backend's pair, made where there is none. Raises InputError."""
        self._make_folders()
        if not (self.folder / SERVER_FILE).exists():
            with explaining(self.folder):
                write_json(self.folder / SERVER_FILE, asdict(KeyPair.make()), mode=FILE_MODE)
        return self.server()

    def clients(self) -> dict[str, str]:
        """Name of each client, by its public key. A file that cannot be read lets nobody in."""
        found = {}
        for path in sorted((self.folder / CLIENTS_FOLDER).glob("*.json")):
            try:
                found[str(self._read(path)["public"])] = path.stem
            except (InputError, KeyError) as error:
                log.warning("the key %s is not used: %s", path, error)
        return found

    def add(self, name: str, host: str, port: int, out: Path) -> Path:
        """Let a new client in. Its keys go to `out`, a file in the form of the ready file, to be handed over; the
        secret stays nowhere else. Raises InputError for a name that is taken or none, and where `out` exists."""
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name for a client.", "Use letters, digits, dots, - and _.")
        server, path = self.make(), self.folder / CLIENTS_FOLDER / f"{name}.json"
        for there in (path, out):
            if there.exists():
                raise InputError(f"{there} is there already.", "Choose another name, or remove that client first.")
        pair = KeyPair.make()
        with explaining(self.folder):
            ReadyFile(host, port, 0, server.public, pair.public, pair.secret, PROTOCOL_VERSION, VERSION).write(out)
            write_json(path, {"public": pair.public}, mode=FILE_MODE)
        return out

    def remove(self, name: str) -> None:
        """Shut a client out, from its next connection on. Raises InputError where there is none of that name."""
        path = self.folder / CLIENTS_FOLDER / f"{name}.json"
        if not _NAME.fullmatch(name) or not path.exists():
            known = ", ".join(sorted(self.clients().values())) or "none"
            raise InputError(f"There is no client {name!r}.", f"Those that there are: {known}.")
        with explaining(path):
            path.unlink()

    def _make_folders(self) -> None:
        for folder in (self.folder, self.folder / CLIENTS_FOLDER):
            make_private(folder, (SERVER_FILE, CLIENTS_FOLDER))

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        do = "Make keys with: talker keys FOLDER"
        try:
            if is_foreign(path):
                raise InputError(f"{path} belongs to another user.", do)
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"The key {path} cannot be read ({error.strerror}).", do) from error
        except ValueError as error:
            raise InputError(f"The key {path} is damaged.", do) from error
        if not isinstance(values, dict):
            raise InputError(f"The key {path} is damaged.", do)
        return values


class Keyring:
    """What one start of the backend knows: its own pair, its client's on this machine, and a folder's clients."""

    def __init__(self, folder: KeyFolder | None = None) -> None:
        self.server = KeyPair.make() if folder is None else folder.server()
        self.client = KeyPair.make()
        self._folder = folder

    def name_of(self, public: str) -> str | None:
        """Who has the public key `public`; None: nobody who may come in. The folder is read each time."""
        if public == self.client.public:
            return THIS_MACHINE
        return None if self._folder is None else self._folder.clients().get(public)


def _public_of(secret: str) -> str | None:
    """The public key of a secret one; None for what is no key."""
    try:
        return zmq.curve_public(secret.encode("ascii")).decode("ascii")
    except (ValueError, zmq.ZMQError):
        return None
