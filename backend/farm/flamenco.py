"""A farm's job for Flamenco: its job types, and what is sent to its manager for every job.

Flamenco's documentation: "Job Types" and the manager's API, POST /api/v3/jobs with a SubmittedJob.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from backend.farm.work import FarmLine, FarmWork
from shared.errors import InputError
from shared.files import read_json_object

SCRIPTS = ("talker-line.js", "talker-train.js")
"""The job types; Flamenco calls them by the name of their file."""
_NAME = re.compile(r"train\.json|line-\d{4,}\.json")
_PRIORITY = 50


def scripts() -> dict[str, str]:
    """The job types' sources by file name."""
    return {name: Path(__file__).with_name(name).read_text(encoding="utf-8") for name in SCRIPTS}


def submissions(work: FarmWork) -> dict[str, dict[str, Any]]:
    """What to send for each job, by the name of its file: the training first, then a job a line."""
    found = {}
    if work.training is not None:
        settings = {
            "subjects": json.dumps(list(map(str, work.training.subjects))),
            "options": json.dumps(list(work.training.options)), "talker": work.talker,
        }  # fmt: skip
        found["train.json"] = _submission(f"{work.name}: training", "talker-train", settings)
    for number, line in enumerate(work.lines, start=1):
        name = work.name if len(work.lines) == 1 else f"{work.name}: {line.name}"
        found[f"line-{number:04d}.json"] = _submission(name, "talker-line", _settings(work, line))
    return found


def outdated(folder: Path, written: Collection[str]) -> list[Path]:
    """Jobs in a folder that an earlier project left and this one, whose are called `written`, does not have: files of
    our names that are jobs of our types. Others are left."""
    return [
        path for path in sorted(folder.glob("*.json"))
        if path.name not in written and _NAME.fullmatch(path.name) and _is_ours(path)
    ]  # fmt: skip


def _is_ours(path: Path) -> bool:
    try:
        return read_json_object(path, "").get("type") in {Path(name).stem for name in SCRIPTS}
    except InputError:
        return False


def _settings(work: FarmWork, line: FarmLine) -> dict[str, Any]:
    files = [part for setting, path in line.files.items() for part in ("--set", f"{setting}={path}")]
    return {
        "subject": str(line.subject), "audio": str(line.audio), "take": str(line.out), "frames": line.frames,
        "chunk_size": work.chunk_frames, "options": json.dumps([*files, *line.options]),
        "join_options": json.dumps(files), "talker": work.talker,
    }  # fmt: skip


def _submission(name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "priority": _PRIORITY,
        "submitter_platform": platform.system().lower(),
        "settings": settings,
        "metadata": {},
    }
