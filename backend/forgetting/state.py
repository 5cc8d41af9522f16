"""Jobs and logs of backends that name a person."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.forgetting.exports import NUMBERED, ExportJob
from backend.forgetting.person import Naming
from shared.errors import InputError
from shared.files import intended_name, remove_leftovers_of, write_bytes
from shared.jobs import JobState
from shared.locking import FileLock
from shared.numbered import Numbered
from shared.private import FILE_MODE
from shared.ready import BACKEND_LOCK

_JOBS, _LOGS = "jobs", "logs"
_LONGEST_PATH = 4096
_FAULT_LOGS = "talker-*.log"
"""What the command line leaves in the folder for temporary files when a fault of ours ends it."""


def require_state_folder(folder: Path) -> None:
    """Raises InputError for a folder that is no backend's state."""
    if not (folder / _JOBS).is_dir():
        raise InputError(f"{folder} is no state folder of a backend (no {_JOBS}).", "Check --state-dir.")


def takes_told(folder: Path) -> Iterator[Path]:
    """Folders that may be takes: those that jobs name, by themselves or by a file in them."""
    for path in _files(folder / _JOBS, "*.json"):
        for text in _texts(_json(path)):
            if os.path.isabs(text) and "\0" not in text and len(text) < _LONGEST_PATH:
                named = Path(text)
                yield from (named, named.parent, named / "render")


def exports_told(folder: Path) -> Iterator[ExportJob]:
    """The jobs that wrote, or were to write, takes for other programs."""
    for path in _files(folder / _JOBS, "*.json"):
        values = _json(path)
        arguments = values.get("arguments") if isinstance(values, dict) else None
        if not isinstance(arguments, dict) or values.get("verb") != "export":
            continue
        take, out = arguments.get("take"), arguments.get("out")
        if isinstance(take, str) and isinstance(out, str) and "\0" not in take + out and os.path.isabs(out):
            written = [Path(out)]
            if Path(out).suffix.lower() in NUMBERED:
                with suppress(OSError):  # a folder that cannot be read is told of where takes are looked for
                    written += _numbered(Numbered.of(Path(out)))
            yield from (ExportJob(path, Path(os.path.realpath(take)), _ran(values)) for path in written)


def _numbered(files: Numbered) -> list[Path]:
    """The files of an export of numbered ones that are there, or were begun when it was killed. Raises OSError."""
    begun = (intended_name(path) for path in (files.folder.iterdir() if files.folder.is_dir() else ()))
    names = {name for name in begun if name is not None and files.is_one(name)}
    return sorted({*files.there(), *(files.folder / name for name in names)})


def _ran(job: dict[str, Any]) -> tuple[float, float] | None:
    """When a job ran; None where it is not DONE or does not say."""
    begun, ended = job.get("started_at"), job.get("finished_at")
    if job.get("state") == JobState.DONE and isinstance(begun, int | float) and isinstance(ended, int | float):
        return begun, ended
    return None


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    for part in values.values() if isinstance(values, dict) else values if isinstance(values, list) else ():
        yield from _texts(part)


def files_that_name(folder: Path, naming: Naming) -> tuple[list[Path], list[Path]]:
    """(files that go, logs of which lines go) of a state folder: a job goes with its result and its logs, and after
    those that it alone tells of."""
    jobs = _files(folder / _JOBS, "*")
    named = [path for path in jobs if _names(path, naming)]
    ids = {path.name.split(".", 1)[0] for path in named}
    gone = [path for path in jobs if path in named or path.name.split(".", 1)[0] in ids]
    logs = _files(folder / _LOGS, "*")
    gone += [path for path in logs if path.name.split(".", 1)[0] in ids]
    return sorted(gone, key=lambda path: (path in named, path)), [
        path for path in logs if path not in gone and _names(path, naming)
    ]


def fault_logs_that_name(naming: Naming) -> list[Path]:
    """Logs of faults in the folder for temporary files that name a person."""
    return [path for path in _files(Path(tempfile.gettempdir()), _FAULT_LOGS) if _names(path, naming)]


def hold_state(folder: Path) -> FileLock:
    """Hold a state folder, so that no backend begins to run on it. Raises InputError where one does."""
    lock = FileLock(folder / BACKEND_LOCK)
    if not lock.acquire():
        raise InputError(
            f"A backend runs on {folder}, and has jobs of this subject.",
            "Close Blender or stop the backend there, then run this again.",
        )
    return lock


def remove_lines(log: Path, naming: Naming) -> None:
    """Take the lines that name a person out of a log, for who holds the state folder. Raises OSError."""
    remove_leftovers_of(log)
    lines = log.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not naming.is_in(line.decode("utf-8", "replace"))]
    write_bytes(log, b"".join(kept), mode=FILE_MODE)


def _files(folder: Path, pattern: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.is_symlink())


def _names(path: Path, naming: Naming) -> bool:
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return False
    values = _json(path) if path.suffix == ".json" else None
    return naming.is_in(text) if values is None else naming.is_in_job(values)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
