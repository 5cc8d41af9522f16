"""Installing the backend in a child process: started, asked for news, cancelled."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ..shared.errors import EXIT_CALLER, EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, InputError
from ..shared.python_child import module_command
from ..shared.setup.pip import PACKAGE_LINE, child_environment
from .background import PAUSE_S, Task

KEPT_LINES = 200
Level = Literal["INFO", "WARNING", "ERROR"]
"""A level of Blender's reports."""
END_TIMEOUT_S = 10.0


class Installation:
    """One run of `python -m shared.setup`. Ask `poll` from a timer; only `wait` and `end` block."""

    def __init__(self, source: Path, environment: Path, models_dir: Path | None = None) -> None:
        """Begin it. `source` is the folder that holds shared/ and backend/, `environment` the folder to make."""
        command = module_command(sys.executable, "shared.setup", "--env", str(environment))
        if models_dir is not None:
            command += ["--models-dir", str(models_dir)]
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        """What it said, the newest last."""
        self.status: int | None = None
        """Exit status when it has ended."""
        self.packages = (0, 0)
        """Packages begun, and packages in all, of the present step; (0, 0) before the first."""
        self._cancelled = False
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._run = Task(lambda: self._start_and_read(command, source, environment.parent))

    def poll(self) -> list[str]:
        """Lines that came since the last call. `status` is set once the last has come.

        Raises InputError when the child could not be started; then `status` is set too.
        """
        ended = self._run.ended  # asked first: no line comes after it
        news = []
        while not self._queue.empty():
            news.append(self._queue.get_nowait())
        for line in news:
            self._keep(line)
        if ended and self.status is None:
            self._take_end()
        return news

    def wait(self, log: Callable[[str], None]) -> int:
        """Block until it ends, giving every line to `log`. The exit status. Raises InputError as `poll` does."""
        while self.status is None:
            for line in self.poll():
                log(line)
            if self.status is None:
                time.sleep(PAUSE_S)
        return self.status

    def cancel(self) -> None:
        """End it and everything it started; returns at once. What was downloaded is kept for the next time."""
        self._cancelled = True
        process = self._process
        if process is not None:
            Task(lambda: _end_tree(process))

    def end(self, timeout_s: float) -> None:
        """`cancel`, and block until it has ended, `timeout_s` at most."""
        self.cancel()
        self._run.wait(timeout_s)

    @property
    def last_line(self) -> str:
        return self.lines[-1].strip() if self.lines else "Starting"

    def _keep(self, line: str) -> None:
        self.lines.append(line)
        package = PACKAGE_LINE.match(line)
        if package:
            self.packages = int(package[1]), int(package[2])

    def _take_end(self) -> None:
        try:
            status = self._run.result()
        except OSError as error:
            self.status = EXIT_CALLER
            raise InputError(
                f"The installation cannot be started: {error.strerror or error}.",
                f"Check that {error.filename or 'the disk'} can be written.",
            ) from error
        self.status = EXIT_CANCELLED if self._cancelled else status

    def _start_and_read(self, command: list[str], source: Path, folder: Path) -> int:
        """The thread's work: the child from its start to its end. Its exit status."""
        folder.mkdir(parents=True, exist_ok=True)
        process = self._process = subprocess.Popen(
            command,
            cwd=source,
            env={
                **child_environment(),
                "PYTHONPATH": str(source.absolute()),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUTF8": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            **_own_group(),
        )
        if self._cancelled:  # while it was being started
            _end_tree(process)
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._queue.put(line.rstrip())
        return process.wait()


def _end_tree(process: subprocess.Popen[str]) -> None:
    """End a process and its children. Blocks for END_TIMEOUT_S at most."""
    if sys.platform == "win32":
        tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(tree, capture_output=True, timeout=END_TIMEOUT_S, check=False)
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def outcome(status: int, last_line: str) -> tuple[Level, str]:
    """(level for an operator's report, text) of an ended installation."""
    if status == EXIT_DONE:
        return "INFO", "The backend is installed."
    if status == EXIT_CANCELLED:
        return "WARNING", "Installation cancelled. Start it again to go on."
    prefix = "The installation failed: " if status == EXIT_FAULT else ""
    return "ERROR", f"{prefix}{last_line}"


def _own_group() -> dict:
    """So that `cancel` reaches the children of the child too."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
