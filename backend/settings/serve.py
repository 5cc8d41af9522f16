"""Settings of the backend process."""

from __future__ import annotations

from dataclasses import dataclass

from backend.settings.kinds import Count, NotNegative, Port, Positive, Whole


@dataclass(frozen=True)
class ServeSettings:
    """The backend process and its jobs."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but the loopback lets other machines connect, and needs keys (--keys)."""
    port: Port = 0
    """Port to listen on; 0: a free one."""
    most_clients: Count = 100
    """Windows and scripts that may be connected at once."""
    most_waiting: Count = 1000
    """Jobs that may wait for their turn."""
    idle_timeout_s: NotNegative = 600.0
    """The backend ends itself after this long without a client and without a job; 0: never."""
    cancel_grace_s: NotNegative = 0.7
    """A cancelled job that has not noticed by then is ended by force, seconds."""
    settle_s: NotNegative = 5.0
    """A cancelled job that has noticed gets this long to write its checkpoint, seconds."""
    start_timeout_s: Positive = 180.0
    """A job's process must have started its work by then, seconds."""
    silence_timeout_s: Positive = 900.0
    """A job's process that gives no sign of life for this long is ended, seconds."""
    attempts: Count = 5
    """A job that was started this often and never ended (a crashing backend, a power cut) is given up."""
    keep_jobs: Whole = 100
    """Ended jobs that stay in the list; older ones are forgotten with their logs."""
    most_live: Count = 2
    """Live heads that may be open at once, one a window."""
    live_memory_mb: Count = 4096
    """A live head's process that takes more memory is ended (on Linux), MiB."""
    live_draw_s: Positive = 30.0
    """A picture of a live head must be drawn by then, or its process is ended, seconds."""
    live_idle_s: Positive = 300.0
    """A live head that no picture is asked of for so long is closed, seconds."""
