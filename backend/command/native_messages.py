"""Keeps what compiled libraries print on standard error out of the progress bar on a terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from shared.errors import EXIT_FAULT


def call_with_quiet_libraries(main: Callable[[], int]) -> int:
    """Run `main` with descriptor 2 redirected to a file, while Python's own messages still reach the terminal.

    Returns the exit status of `main`. MediaPipe and TensorFlow Lite write notices there that no setting turns off. Only
    on a terminal: a log gets everything. After a fault the file is kept and named, because it may hold the reason.
    """
    if not sys.stderr.isatty():
        return main()
    before = sys.stderr
    before.flush()
    descriptor, name = tempfile.mkstemp(prefix="talker-libraries-", suffix=".log")
    terminal = os.dup(2)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
    status = EXIT_FAULT
    try:
        status = main()
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        sys.stderr.close()
        sys.stderr = before
        if status == EXIT_FAULT and Path(name).stat().st_size:
            print(f"What the libraries said is in {name}.", file=sys.stderr)
        else:
            Path(name).unlink()
    return status
