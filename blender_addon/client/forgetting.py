"""`talker forget` in a process of its own: all that is there of one person is removed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..shared.errors import EXIT_DONE, InputError
from ..shared.python_child import module_command
from .process import BackendPlace, environment_of

TIMEOUT_S = 600.0


def forget(place: BackendPlace, subject: Path, take_folders: Sequence[Path]) -> list[str]:
    """Remove a subject with its models, the takes of it in `take_folders`, jobs and logs; what was removed, in words.

    Blocks. Raises InputError with the sentence of `talker forget` where it removes nothing, or not all.
    """
    command = module_command(place.python, "backend", "forget", str(subject), "--yes", "--json")
    if (place.state_dir / "jobs").is_dir():  # a backend has run there
        command += ["--state-dir", str(place.state_dir)]
    for folder in take_folders:
        command += ["--takes", str(folder)]
    try:
        run = subprocess.run(
            command,
            cwd=subject.parent,
            env=environment_of(place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{subject} cannot be removed ({error}).", "Repair the backend.") from error
    if run.returncode != EXIT_DONE:
        lines = (run.stderr or run.stdout).strip().splitlines() or [f"{subject} was not removed."]
        raise InputError(lines[-1].removeprefix("talker forget: "))
    told = json.loads(run.stdout)
    return [f"{part['what']}: {part['files']} files, {part['mb']} MB" for part in told["removed"]] + told["stays"]
