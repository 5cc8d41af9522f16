"""How a live head stands, as both sides know it."""

from __future__ import annotations

from enum import StrEnum


class LiveState(StrEnum):
    """How a client's live head stands."""

    OPENING = "OPENING"
    """Its process starts and loads the head; a DRAW waits for it."""
    READY = "READY"
    CLOSED = "CLOSED"
    """It is gone: as it was asked, or as `what` says."""
