"""What a person sees on a terminal: a progress bar with phase, step and ETA, and results in plain words."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.jobs import Progress as JobProgress


class ProgressBar:
    """Shows job progress on standard error: a live bar on a terminal, a line a phase elsewhere."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._live = self._console.is_terminal
        self._phase = ""
        self._task: Any = None
        self._bar = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._console, transient=False,
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
            self._console.print(f"  {progress.message}", highlight=False)
        if progress.phase != self._phase:
            self._phase = progress.phase
            if self._live:
                self._task = self._bar.add_task(progress.phase, total=progress.total or None)
            else:
                self._console.print(f"{progress.phase} …", highlight=False)
        if self._live and self._task is not None:
            self._bar.update(self._task, completed=progress.step, total=progress.total or None)


def print_result(verb: str, result: Any) -> None:
    """Print a verb's result for a person."""
    console = Console(highlight=False)
    if verb == "settings":
        for entry in result:
            value = ",".join(map(str, entry["value"])) if isinstance(entry["value"], tuple) else entry["value"]
            console.print(f"{entry['name']} = {value}   ({entry['fits']})", soft_wrap=True, markup=False)
            console.print(f"    {entry['sentence']}", soft_wrap=True, markup=False)
        return
    if isinstance(result, list):
        for row in result:
            console.print("  ".join(f"{key} {value}" for key, value in row.items()))
        return
    if verb == "evaluate":
        from backend.evaluate.report import markdown_table

        console.print(markdown_table([result]), soft_wrap=True, markup=False)
        for one in result.get("models", [result]):
            console.print(f"pictures: {one['sheet']}", soft_wrap=True)
        return
    if verb == "forget":
        from backend.command.person_verbs import lines_of

        console.print(*lines_of(result), sep="\n", soft_wrap=True, markup=False)
        return
    if verb == "compare":
        from backend.evaluate.compare import markdown_tables

        console.print(markdown_tables(result), soft_wrap=True, markup=False)
        if result["page"]:
            console.print(f"page: {result['page']}", soft_wrap=True)
        return
    for key, value in result.items():
        _print_entry(console, key, value, "")


def _print_entry(console: Console, key: str, value: Any, indent: str) -> None:
    name = key.replace("_", " ")
    if isinstance(value, dict):
        console.print(f"{indent}{name}:")
        for inner, inner_value in value.items():
            _print_entry(console, inner, inner_value, indent + "  ")
    elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        console.print(f"{indent}{name}:")
        for entry in value:
            console.print(f"{indent}  {entry}", soft_wrap=True)
    elif isinstance(value, float):
        console.print(f"{indent}{name}: {value:.4g}")
    elif value not in (None, "", [], {}):
        console.print(f"{indent}{name}: {value}", soft_wrap=True)
