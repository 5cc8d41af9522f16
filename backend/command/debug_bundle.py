"""`talker doctor --bundle FILE.zip`: what somebody needs to find a fault, without pictures, sound, names and paths."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from backend.command.redaction import Redactor
from backend.forgetting.state import require_state_folder
from backend.settings.defaults import all_defaults
from shared.errors import InputError
from shared.files import explaining, make_writable, replacing
from shared.places import addon_state_folders

ENDING = ".zip"
_NEWEST_JOBS = 20
_LOG_BYTES = 256 << 10
"""Of the end of each log."""
_JOB_FIELDS = ("verb", "state", "error", "attempts", "submitted_at", "started_at", "finished_at")
_VARIABLES = ("TALKER_", "OMP_", "MKL_", "CUDA_", "NUMBA_", "OCIO", "BLENDER_", "PYTHON")
"""Beginnings of the names of variables that change what this program does."""
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_README = """What is in here, made by `talker doctor --bundle`: look through it before you hand it on.

doctor.json        what this machine has, and what is wrong with it
packages.txt       installed packages
settings.json      defaults that were set for all commands and jobs, and from where
environment.json   variables that change what the program does
jobs/, logs/       the newest jobs of the backends of this user, and the ends of their logs

There are no pictures, no sound, and no file of a subject or a take. Paths and names stand as marks such as <1a2b3c>,
the same for the same thing within this bundle; lines about a consent are left out.
"""


def write_bundle(path: Path, report: dict, state_folders: Iterable[Path] | None) -> list[str]:
    """Write the bundle; names of the files in it. state_folders: of backends, None: the add-on's. Raises InputError."""
    if path.suffix.lower() != ENDING:
        raise InputError(f"{path.name} is no name of a bundle.", f"Let it end with {ENDING}.")
    folders = addon_state_folders() if state_folders is None else list(state_folders)
    for folder in folders:
        require_state_folder(folder)
    jobs = {f"{index}": _jobs(folder) for index, folder in enumerate(folders, start=1)}
    redactor = Redactor({str(Path(__file__).resolve().parents[2]): "<program>", sys.prefix: "<python>"})
    redactor.tell([*_user(), socket.gethostname()])
    for found in jobs.values():
        for values in found.values():
            redactor.tell([values.get("arguments"), values.get("result")])
    jobs = {index: dict(list(found.items())[:_NEWEST_JOBS]) for index, found in jobs.items()}
    members = {"README.txt": _README} | _of_program(report, redactor)
    for index, folder in enumerate(folders, start=1):
        for name, values in jobs[f"{index}"].items():
            told = {field: values.get(field) for field in _JOB_FIELDS}
            told |= {"arguments": values.get("arguments"), "progress": _progress(values)}
            members[f"jobs/{index}/{name}.json"] = _json(redactor.values(told))
        for log in sorted((folder / "logs").glob("*.log*")) if (folder / "logs").is_dir() else ():
            if not log.is_symlink() and log.is_file():
                members[f"logs/{index}/{log.name}"] = redactor.text(_end(log))
    make_writable(path.absolute().parent)
    with explaining(path), replacing(path, ending=ENDING) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    return list(members)


def _of_program(report: dict, redactor: Redactor) -> dict[str, str]:
    """The files about this machine."""
    try:
        settings: Any = {name: [default.value, default.source] for name, default in all_defaults().items()}
    except InputError as error:
        settings = {"error": str(error)}
    packages = {f"{one.metadata['Name']}=={one.version}" for one in metadata.distributions()}
    variables = {
        name: "<set>" if any(word in name for word in _SECRET) else value
        for name, value in sorted(os.environ.items())
        if name.startswith(_VARIABLES)
    }
    return {
        "doctor.json": _json(redactor.values(report)),
        "packages.txt": "\n".join(sorted(packages, key=str.lower)) + "\n",
        "settings.json": _json(redactor.values(settings)),
        "environment.json": _json(redactor.values(variables)),
    }


def _user() -> list[str]:
    """Name and folder of this user, as far as the system knows them."""
    told = []
    for ask in (getpass.getuser, Path.home):
        with suppress(KeyError, OSError, RuntimeError, ImportError):  # a container's user, of whom nobody knows
            told.append(str(ask()))
    return told


def _jobs(folder: Path) -> dict[str, dict]:
    """The jobs of a state folder by their ids, newest first: logs tell of the older ones too; what cannot be read is
    left out."""
    found: dict[str, dict] = {}
    files = [path for path in (folder / "jobs").glob("*.json") if not path.name.endswith(".result.json")]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(values, dict):
            found[path.stem] = values
    return found


def _progress(values: dict) -> dict:
    progress = values.get("progress")
    if not isinstance(progress, dict):
        return {}
    return {name: value for name, value in progress.items() if name != "preview"}


def _end(log: Path) -> str:
    with open(log, "rb") as file:
        file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
        return file.read().decode("utf-8", "replace")


def _json(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n"
