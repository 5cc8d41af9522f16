"""Installing the backend in a child process: started, asked for news, cancelled. No bpy."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..shared.errors import EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, InputError
from ..shared.setup.pip import PACKAGE_LINE, child_environment

KEPT_LINES = 200
END_TIMEOUT_S = 10.0


class Installation:
    """One run of `python -m shared.setup`. Ask `poll` from a timer, or `wait`."""

    def __init__(self, source: Path, environment: Path, models_dir: Path | None = None) -> None:
        """Start it. `source` is the folder that holds shared/ and backend/, `environment` the folder to make.

        Raises InputError when the child cannot be started.
        """
        command = [sys.executable, "-m", "shared.setup", "--env", str(environment)]
        if models_dir is not None:
            command += ["--models-dir", str(models_dir)]
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        """What it said, the newest last."""
        self.status: int | None = None
        """Exit status when it has ended."""
        self.packages = (0, 0)
        """Packages begun, and packages in all, of the present step; (0, 0) before the first."""
        self._cancelled = False
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        try:
            environment.parent.mkdir(parents=True, exist_ok=True)
            self._process = subprocess.Popen(
                command,
                cwd=source,
                env={**child_environment(), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                **_own_group(),
            )
        except OSError as error:
            raise InputError(
                f"The installation cannot be started: {error.strerror or error}.",
                f"Check that {environment.parent} can be written.",
            ) from error
        threading.Thread(target=self._read, name="talker-install", daemon=True).start()

    def poll(self) -> list[str]:
        """Lines that came since the last call. `status` is set once the last has come."""
        news = []
        while not self._queue.empty():
            line = self._queue.get()
            if line is None:
                self.status = EXIT_CANCELLED if self._cancelled else self._process.wait()
            else:
                news.append(line)
        for line in news:
            self._keep(line)
        return news

    def wait(self, log: Callable[[str], None]) -> int:
        """Block until it ends, giving every line to `log`. The exit status."""
        while self.status is None:
            line = self._queue.get()
            if line is None:
                self.status = EXIT_CANCELLED if self._cancelled else self._process.wait()
            else:
                self._keep(line)
                log(line)
        return self.status

    def cancel(self) -> None:
        """End it and everything it started. What was downloaded is kept for the next time."""
        if self.status is not None:
            return
        self._cancelled = True
        if sys.platform == "win32":
            tree = ["taskkill", "/T", "/F", "/PID", str(self._process.pid)]
            subprocess.run(tree, capture_output=True, timeout=END_TIMEOUT_S, check=False)
        elif self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def last_line(self) -> str:
        return self.lines[-1].strip() if self.lines else "Starting"

    def _keep(self, line: str) -> None:
        self.lines.append(line)
        package = PACKAGE_LINE.match(line)
        if package:
            self.packages = int(package[1]), int(package[2])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._queue.put(line.rstrip())
        self._queue.put(None)


def outcome(status: int, last_line: str) -> tuple[str, str]:
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
