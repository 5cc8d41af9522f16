"""Reading a performance from whichever file a user has."""

from __future__ import annotations

import os
from pathlib import Path

from backend.performance.curves import Performance
from backend.performance.live_link import SUFFIX, read_live_link


def load_performance(path: str | os.PathLike) -> Performance:
    """A performance.json, or a take of Live Link Face where the name ends with .csv. Raises InputError that says what
    is wrong with it."""
    return read_live_link(path) if Path(path).suffix.lower() == SUFFIX else Performance.load(path)
