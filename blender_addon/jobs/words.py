"""A job in words: for the panel, the status bar and the terminal."""

from __future__ import annotations

from ..properties import TalkerJob
from .overall import phase_place

RUNNING_STATES = ("PENDING", "RUNNING", "CANCELLING")
_ENOUGH = 0.03
"""Share of a phase from which its pace tells the time left: the first steps also wait for what is loaded."""
_CALLED = {
    "preprocess": "Preprocessing",
    "train": "Training",
    "evaluate": "Scoring",
    "render": "Rendering",
    "presenter": "Drawing the presenter",
    "doctor": "Checking the backend",
}
_BEFORE_CONNECTION = {"STARTING": "starting the backend", "LOST": "looking for the backend"}
_BEFORE_FIRST_PHASE = {"PENDING": "waiting for its turn", "RUNNING": "getting ready", "CANCELLING": "cancelling"}


def is_running(job: TalkerJob) -> bool:
    """Whether the job that is shown has not ended."""
    return job.state in RUNNING_STATES


def one_line(job: TalkerJob) -> str:
    """The job in one line, for the status bar and the terminal."""
    return f"{heading(job)} {progress(job)}".rstrip()


def called(verb: str) -> str:
    """What a verb of the backend's is called while it is done."""
    return _CALLED.get(verb, verb.capitalize())


def heading(job: TalkerJob) -> str:
    """What is being done and, where that is another word, its phase."""
    if not job.phase:
        return f"{called(job.verb)}:"
    return called(job.verb) if job.phase == job.verb else f"{called(job.verb)}: {job.phase}"


def in_step(job: TalkerJob) -> str:
    """The job's phase in its own step of the panel: which of how many it is, and how far."""
    place = phase_place(job.verb, job.phase)
    title = f"{place[0]} of {place[1]}: {job.phase}" if place else heading(job)
    return f"{title} {progress(job)}".strip()


def progress(job: TalkerJob) -> str:
    """How far the job's phase is, with the time left as far as known; before its first phase, what is waited for."""
    if not job.phase:
        return _BEFORE_CONNECTION.get(job.backend) or _BEFORE_FIRST_PHASE.get(job.state, "waiting")
    text = f"{job.step}/{job.total}" if job.total else ""
    if job.eta_s >= 0 and _ENOUGH * job.total <= job.step < job.total:
        text += f", {duration(job.eta_s)} left"
    if job.state == "CANCELLING":
        text += ", cancelling" if text else "cancelling"
    return text


def overall(job: TalkerJob) -> str:
    """How far the whole job is, with the time left as far as known."""
    place = f"{job.chain_step} of {job.chain_steps}: " if job.chain_steps > 1 else ""
    if not job.phase:
        return f"{place}{called(job.verb)}, {progress(job)}"
    text = f"{place}{called(job.verb)}, {job.overall:.0%} of all" if place else f"{called(job.verb)} {job.overall:.0%}"
    return f"{text}, about {duration(job.overall_eta_s)} left" if job.overall_eta_s >= 0 else text


_OPTIONS_IN_PANEL = {
    "--in and --out": "From and Until (Footage > Options)",
    "--speaker N": "Speaker (Footage > Options)",
    "--audio-track N": "Sound Track (Footage > Options)",
    "--audio-track": "Sound Track (Footage > Options)",
    "--audio WAV": "Other Sound (Footage > Options)",
    "--input-colour": "Colour (Footage > Options)",
    "--size": "Largest Size (Footage > Options)",
    "--fps": "Frame Rate (Footage > Options)",
}
"""What the backend's sentences call an option, to where an artist finds it; the longer one of two first."""


def for_panel(text: str) -> str:
    """A sentence of the backend's with the panel's names for the command line's options."""
    for option, name in _OPTIONS_IN_PANEL.items():
        text = text.replace(option, name)
    return text


def duration(seconds: float) -> str:
    """Seconds in the words of a progress bar: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
