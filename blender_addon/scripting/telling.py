"""How the command tells of its work: in words for a person, or in lines of JSON for a program."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import bpy

from ..bridge.bring_back import BroughtBack
from ..jobs.blocking import TerminalLines, print_notices
from ..jobs.steps import Notice
from ..properties import job_of
from ..shared.errors import TalkerError


class Telling(Protocol):
    """What is told, while it happens."""

    def progress(self, context: bpy.types.Context) -> None:
        """How far the job is that is shown; called often."""

    def notices(self, notices: list[Notice]) -> None:
        """What a step has to say at its end."""

    def result(self, verb: str, result: dict[str, Any]) -> None:
        """What a step brought."""

    def brought_back(self, done: BroughtBack) -> None:
        """A take is in the scene."""

    def saved(self, path: Path) -> None:
        """The file is saved."""

    def error(self, error: TalkerError) -> None:
        """It ends here."""


class InWords:
    """For a person at a terminal."""

    def __init__(self) -> None:
        self._lines = TerminalLines()

    def progress(self, context: bpy.types.Context) -> None:
        """A line whenever the phase changes, and else every few seconds."""
        self._lines.show(context)

    def notices(self, notices: list[Notice]) -> None:
        """Line by line."""
        print_notices(notices)

    def result(self, verb: str, result: dict[str, Any]) -> None:
        """Nothing: a step's notices say it."""

    def brought_back(self, done: BroughtBack) -> None:
        """Its frames."""
        print_notices([("WARNING", text) for text in done.warnings])
        print(f"{done.take} is on frames {done.frame_start} to {done.frame_end}.", flush=True)

    def saved(self, path: Path) -> None:
        """Its place."""
        print(f"Saved {path}.", flush=True)

    def error(self, error: TalkerError) -> None:
        """Nothing: the command prints it on standard error."""


class InJson:
    """For a program: each event is one line, an object that begins with {"event": …}. Blender's own lines are none."""

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}

    def progress(self, context: bpy.types.Context) -> None:
        """Whenever something has changed."""
        job = job_of(context)
        values = {
            "verb": job.verb,
            "state": job.state,
            "phase": job.phase,
            "step": job.step,
            "total": job.total,
            "done": round(job.overall, 3),
            "left_s": job.overall_eta_s if job.overall_eta_s >= 0 else None,
            "job": max(1, job.chain_step),
            "jobs": max(1, job.chain_steps),
        }
        if values != self._last and job.job_id:
            self._last = values
            _print("progress", values)

    def notices(self, notices: list[Notice]) -> None:
        """One event for each."""
        for level, text in notices:
            _print("notice", {"level": level, "text": text})

    def result(self, verb: str, result: dict[str, Any]) -> None:
        """As the backend's verb returns it."""
        _print("result", {"verb": verb, "result": result})

    def brought_back(self, done: BroughtBack) -> None:
        """All that was made, by name."""
        _print("brought_back", asdict(done))

    def saved(self, path: Path) -> None:
        """Its place."""
        _print("saved", {"file": str(path)})

    def error(self, error: TalkerError) -> None:
        """What went wrong, what to do, and the exit status."""
        _print("error", {"what": error.what, "do": error.do, "status": error.exit_status})


def _print(event: str, values: dict[str, Any]) -> None:
    print(json.dumps({"event": event, **values}), flush=True)
