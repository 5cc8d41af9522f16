"""What a person sees on a terminal: a progress bar with phase, step and ETA, and results in plain words."""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.jobs import Progress as JobProgress

_LAID_OUT = "\n\t"
"""Unprintable characters that lay out a text."""


def shown(text: object) -> str:
    """A text as a terminal shows it: what would steer the terminal, or cannot be written to it, as escapes."""
    return "".join(
        mark if mark.isprintable() or mark in _LAID_OUT else mark.encode("unicode_escape").decode("ascii")
        for mark in str(text)
    )


def write_anything() -> None:
    """Let standard output and error write escapes for what their encoding lacks: a result must not be lost by it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class PlainConsole(Console):
    """Prints texts as they are: brackets and colons in names of files are no markup."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file=file, markup=False, emoji=False, highlight=False)

    def say(self, text: object) -> None:
        """Print a text, its lines unbroken."""
        self.print(shown(text), soft_wrap=True)


class ProgressBar:
    """Shows job progress on standard error: a live bar on a terminal, a line a phase elsewhere."""

    def __init__(self) -> None:
        self._console = PlainConsole(sys.stderr)
        self._live = self._console.is_terminal
        self._phase = ""
        self._task: Any = None
        self._bar = Progress(
            TextColumn("{task.description:<28}", markup=False), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=self._console, transient=False,
        )  # fmt: skip

    def __enter__(self) -> ProgressBar:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def show(self, progress: JobProgress) -> None:
        """Show one progress report."""
        if progress.message:
            self._console.print(shown(f"  {progress.message}"))
        if progress.phase != self._phase:
            self._phase = progress.phase
            if self._live:
                self._task = self._bar.add_task(progress.phase, total=progress.total or None)
            else:
                self._console.print(shown(f"{progress.phase} …"))
        if self._live and self._task is not None:
            self._bar.update(self._task, completed=progress.step, total=progress.total or None)


def print_result(verb: str, result: Any) -> None:
    """Print a verb's result for a person."""
    console = PlainConsole()
    if verb == "settings":
        for entry in result:
            value = ",".join(map(str, entry["value"])) if isinstance(entry["value"], tuple) else entry["value"]
            console.say(f"{entry['name']} = {value}   ({entry['fits']})")
            console.say(f"    {entry['sentence']}")
        return
    if result == []:
        console.say("none")
    if isinstance(result, list):
        for row in result:
            console.say("  ".join(f"{key} {value}" for key, value in row.items()))
        return
    if verb == "evaluate":
        from backend.evaluate.report import markdown_table

        console.say(markdown_table([result]))
        for one in result.get("models", [result]):
            console.say(f"pictures: {one['sheet']}")
        return
    if verb == "forget":
        from backend.command.person_verbs import lines_of

        console.say("\n".join(lines_of(result)))
        return
    if verb == "compare":
        from backend.evaluate.compare import markdown_tables

        console.say(markdown_tables(result))
        if result["page"]:
            console.say(f"page: {result['page']}")
        return
    for key, value in result.items():
        _print_entry(console, key, value, "")


def _print_entry(console: PlainConsole, key: str, value: Any, indent: str) -> None:
    name = key.replace("_", " ")
    if isinstance(value, dict):
        console.say(f"{indent}{name}:")
        for inner, inner_value in value.items():
            _print_entry(console, inner, inner_value, indent + "  ")
    elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        console.say(f"{indent}{name}:")
        for entry in value:
            console.say(f"{indent}  {entry}")
    elif isinstance(value, float):
        console.say(f"{indent}{name}: {value:.4g}")
    elif value not in (None, "", [], {}):
        console.say(f"{indent}{name}: {value}")
