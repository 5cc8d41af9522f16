"""A real backend process with fake verbs, for tests; every wait in it is bounded."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from extension_without_blender.client import process
from extension_without_blender.client.process import BackendPlace
from extension_without_blender.client.session import Session

from tests.support.places import ROOT

PYTHON_PATH = str(ROOT)
"""Where a backend process finds the repository and the fake verbs."""
LIMIT_S = 60.0
"""No single wait takes longer, however busy the machine."""


def place_in(folder: Path, *options: str) -> BackendPlace:
    """A backend with fake verbs, run by this Python from the repository."""
    options = ("--verbs", "tests.support.fake_verbs", *options)
    return BackendPlace(Path(sys.executable), ROOT, folder / "state", options, {"PYTHONPATH": PYTHON_PATH})


@contextlib.contextmanager
def session_in(folder: Path, *options: str) -> Iterator[Session]:
    """A session with such a backend, which is stopped at the end."""
    place = place_in(folder, *options)
    session = Session.open(place)
    try:
        yield session
    finally:
        session.close()
        process.stop(place)


def wait_until(condition: Callable[[], object], session: Session | None = None) -> None:
    """Poll until `condition` holds; fail after LIMIT_S."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        if session is None:
            time.sleep(0.02)
        else:
            session.poll_and_wait(0.05)


def is_process(pid: int) -> bool:
    """True while the process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return not status.parent.parent.joinpath("self").exists() or status.read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
