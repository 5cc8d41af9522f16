"""Jobs for both sides: states, progress, and how a long task reports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from .checked import build
from .errors import Cancelled, shortened


class JobState(StrEnum):
    """Life of a job. CANCELLED, FAILED and DONE are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    DONE = "DONE"

    @property
    def is_final(self) -> bool:
        return self in (JobState.CANCELLED, JobState.FAILED, JobState.DONE)


@dataclass(frozen=True)
class Progress:
    """One progress report. `step` of `total` within `phase`; `eta_s` seconds to the end of the phase, None if unknown;
    `preview` the path of a picture that shows the present state, or None; `message` a plain-word notice, or None."""

    phase: str
    step: int = 0
    total: int = 0
    eta_s: float | None = None
    preview: str | None = None
    message: str | None = None

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Progress:
        """Read what `to_dict` wrote. Raises ValueError where a field is missing or has the wrong type."""
        return build(cls, values)


@dataclass
class JobInfo:
    """Everything known about a job; times in seconds since 1970 (UTC), None for what has not happened yet."""

    id: str
    verb: str
    arguments: dict = field(default_factory=dict)
    state: JobState = JobState.PENDING
    progress: Progress | None = None
    result: dict | None = None
    """What the verb returned, when DONE."""
    error: dict | None = None
    """`what` went wrong and what to `do`, when FAILED or CANCELLED."""
    log: str = ""
    """Path of the job's log."""
    attempts: int = 0
    """How often it was started; more than once if the backend ended while it ran."""
    submitted_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None

    def to_dict(self) -> dict:
        return {**asdict(self), "state": str(self.state)}

    @classmethod
    def from_dict(cls, values: dict) -> JobInfo:
        """Read what `to_dict` wrote. Raises ValueError where a field is missing or has the wrong type."""
        if not isinstance(values, dict) or "state" not in values:
            raise ValueError("a job without its state")
        return build(cls, values)


class Reporter:
    """How a long task reports its progress, and learns that it should stop.

    `sink` receives every Progress; `is_cancelled` is asked at every step. Tasks call `phase(name, total)` once and
    `step()` after each unit of work; both raise Cancelled as soon as the user asked to stop.
    """

    def __init__(
        self,
        sink: Callable[[Progress], None] = lambda progress: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        min_interval_s: float = 0.1,
    ) -> None:
        self._sink = sink
        self._is_cancelled = is_cancelled
        self._min_interval_s = min_interval_s
        self._phase = ""
        self._step = 0
        self._total = 0
        self._started = 0.0
        self._last_sent = 0.0

    def phase(self, name: str, total: int = 0) -> None:
        """Start a phase of `total` steps (0: unknown)."""
        self.check()
        self._phase, self._step, self._total = name, 0, total
        self._started = time.monotonic()
        self._send(None, None, force=True)

    def step(self, count: int = 1, preview: str | None = None) -> None:
        """`count` more steps of the phase are done; `preview` is the path of a picture of the present state."""
        self.check()
        self._step += count
        self._send(preview, None, force=preview is not None or self._step == self._total)

    def message(self, text: str) -> None:
        """A notice for the user in plain words (a warning, a finding)."""
        self._send(None, shortened(text), force=True)

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self._is_cancelled():
            raise Cancelled()

    def _send(self, preview: str | None, message: str | None, force: bool) -> None:
        now = time.monotonic()
        if not force and now - self._last_sent < self._min_interval_s:
            return
        self._last_sent = now
        eta_s = None
        if self._total and self._step:
            eta_s = (now - self._started) / self._step * (self._total - self._step)
        self._sink(Progress(self._phase, self._step, self._total, eta_s, preview, message))
