"""Jobs done one after the other while nothing else can happen: for background mode, scripts and render farms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import bpy

from ..client.handles import JobHandle
from ..properties import job_of, settings_of
from . import connection, shown, words
from .overall import weight
from .step_run import StepRun
from .steps import Notice, Step

TERMINAL_S = 5.0


class TerminalLines:
    """Prints the job's line whenever the phase changes, and else every few seconds."""

    def __init__(self) -> None:
        self._phase = self._line = ""
        self._at = 0.0

    def show(self, context: bpy.types.Context) -> None:
        job = job_of(context)
        line, now = words.one_line(job), time.monotonic()
        if line != self._line and (job.phase != self._phase or now - self._at > TERMINAL_S):
            self._phase, self._line, self._at = job.phase, line, now
            print(line, flush=True)


def run(verb: str, arguments: dict, timeout_s: float | None = None) -> dict:
    """Submit a job and block until it has ended; what the verb returns. It is shown as `do` shows its steps.

    Cancels it after `timeout_s`. Ctrl-C cancels the job. Raises TalkerError, Cancelled among them.
    """
    return wait(connection.submit(verb, arguments), timeout_s, _shows(TerminalLines().show))


def wait(
    job: JobHandle, timeout_s: float | None = None, on_poll: Callable[[JobHandle], None] = lambda job: None
) -> dict:
    """Block until a job has ended; what the verb returns. `on_poll` is called about ten times a second, and at last.

    Ctrl-C cancels the job; a second one leaves it. Raises TalkerError, Cancelled among them.
    """
    interrupted = False

    def is_cancelled() -> bool:
        on_poll(job)
        return interrupted

    while True:
        try:
            return connection.session().wait(job, timeout_s, is_cancelled)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
        finally:
            on_poll(job)


Progress = Callable[[bpy.types.Context], None]
"""Tells how far the job is that is shown; called about ten times a second."""


def _shows(progress: Progress, on_poll: Callable[[], None] = lambda: None) -> Callable[[JobHandle], None]:
    """Shows a job in `WindowManager.talker_job`, and lets `progress` tell of it."""

    def show(job: JobHandle) -> None:
        on_poll()
        shown.show(bpy.context, job)
        progress(bpy.context)

    return show


def do(
    scene: bpy.types.Scene,
    steps: Sequence[Step],
    tell: Callable[[list[Notice]], None],
    progress: Progress | None = None,
    on_result: Callable[[str, dict], None] = lambda verb, result: None,
) -> list[dict]:
    """Do steps one after the other; `tell` and `on_result` are called at the end of each, `progress` meanwhile (None: a
    line on the terminal now and then).

    Returns the results. Raises TalkerError, Cancelled among them; Ctrl-C cancels.
    """
    results = []
    progress = progress or TerminalLines().show
    weights = [weight(step.verb, settings_of(scene).preset) for step in steps]
    for number, step in enumerate(steps, 1):
        run = StepRun(step, scene)
        shown.set_chain(bpy.context, number, weights)
        take_acceptance = partial(run.take_acceptance, scene)
        results.append(wait(run.job, on_poll=_shows(progress, take_acceptance)))
        on_result(step.verb, results[-1])
        tell(run.finish(scene))
    return results


def print_notices(notices: list[Notice]) -> None:
    """What a step tells, on the terminal."""
    for level, text in notices:
        print(text if level == "INFO" else f"{level.capitalize()}: {text}", flush=True)
