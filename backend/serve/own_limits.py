"""What the system lets this process have: open files, from which follow how many may connect, and memory in use."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

KEPT_DESCRIPTORS = 48
"""Open files that are left to the jobs, their pipes and logs, and the libraries."""
MOST_STRANGERS = 64
"""Connections that may be there at once without having been greeted."""
FEWEST = 4
"""However few files may be open, so many strangers, and so many clients, are let in."""


def most_connections(most_clients: int) -> tuple[int, int]:
    """(strangers, clients) that may be connected at once, so that files enough are left to the work."""
    if sys.platform == "win32":
        return MOST_STRANGERS, most_clients
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_STRANGERS, most_clients
    room = allowed - KEPT_DESCRIPTORS
    strangers = max(FEWEST, min(MOST_STRANGERS, room // 4))
    return strangers, min(most_clients, max(FEWEST, room - strangers))


def resident_bytes() -> int | None:
    """Memory of this process that is in use now; None where the system has no quick answer (it is Linux that has)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()
