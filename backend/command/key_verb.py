"""`talker keys`: who on other machines may use this one's backend."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from shared.errors import InputError


def add_keys_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("folder", metavar="DIR", help="folder of the keys; made where there is none")
    parser.add_argument("--add", metavar="NAME", help="let a new client in, and write its keys to --out")
    parser.add_argument("--at", metavar="tcp://HOST:PORT", help="where that client will connect")
    parser.add_argument("--out", metavar="FILE", help="its keys: give this file to that person, and to nobody else")
    parser.add_argument("--remove", metavar="NAME", help="shut a client out, from its next connection on")


def keys(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the folder's keys, let a client in or shut it out. Returns who may come in."""
    from backend.serve.keys import KeyFolder

    folder = KeyFolder(Path(arguments.folder).absolute())
    result: dict[str, Any] = {"folder": str(folder.folder), "server_key": folder.make().public}
    if arguments.add is not None:
        if arguments.at is None or arguments.out is None:
            raise InputError("A client has to know where to connect.", "Give --at tcp://HOST:PORT and --out FILE.")
        host, port = host_and_port(arguments.at)
        result["hand_over"] = str(folder.add(arguments.add, host, port, Path(arguments.out).absolute()))
    if arguments.remove is not None:
        folder.remove(arguments.remove)
    return {**result, "clients": sorted(folder.clients().values())}


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of tcp://HOST:PORT. Raises InputError for any other text."""
    matched = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", address)
    if matched is None or not 0 < int(matched[3]) < 65536:
        raise InputError(f"{address!r} is no address.", "Write it as tcp://HOST:PORT, such as tcp://192.168.1.20:5600.")
    return matched[1] or matched[2], int(matched[3])
