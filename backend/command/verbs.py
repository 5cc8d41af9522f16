"""What the backend can be asked to do, by name: plain values in, plain values out.

The command line and the job worker both call these, so that a job does what the command does. Each verb imports its
room when it is called: asking for help must not wait for torch.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from backend import settings as s
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.files import make_writable
from shared.jobs import Reporter

Verb = Callable[[dict[str, Any], Reporter], dict[str, Any]]


def _required(arguments: dict, name: str) -> Path:
    value = arguments.get(name)
    if not value:
        raise InputError(f"{name} is missing.", f"Name the {name}.")
    return Path(value)


def _settings(kind: type, arguments: dict) -> Any:
    """A settings dataclass from those arguments that it knows and that are not None."""
    known = {f.name for f in fields(kind)}
    return kind(**{key: value for key, value in arguments.items() if key in known and value is not None})


def _check_engine(arguments: dict) -> None:
    """Raises InputError if an engine is asked for that does not run here."""
    if arguments.get("engine"):
        from backend.raster.rasterize import require_engine

        require_engine(arguments["engine"])


def preprocess(arguments: dict, report: Reporter) -> dict:
    """footage, subject, and the fields of PreprocessSettings. Returns subject, frames, fps and the quality report."""
    from backend.preprocess.pipeline import preprocess as run_preprocess

    footage, folder = _required(arguments, "footage"), _required(arguments, "subject")
    subject = run_preprocess(footage, folder, _settings(s.PreprocessSettings, arguments), report)
    return {
        "subject": str(subject.root),
        "frames": subject.frame_count,
        "fps": subject.info.fps,
        "quality": subject.info.quality,
        "contact_sheet": str(subject.root / layout.CONTACT_SHEET_FILE),
    }


def train(arguments: dict, report: Reporter) -> dict:
    """subject, recipe, preset, and the overrides that settings.train_settings takes.

    How it begins is said by `more` (train a finished model on) and `resume`: true, or "auto" (go on from a checkpoint
    of the same settings where there is one, else begin); with neither it begins anew. Returns model, its folder, its
    steps and minutes, what was done (`did`: anew, go_on, more, nothing) and the same as a sentence.
    """
    _check_engine(arguments)
    subject = Subject.open(_required(arguments, "subject"))
    from backend.train.trainer import train as run_train

    own = ("subject", "resume", "more")
    options = {key: value for key, value in arguments.items() if key not in own and value is not None}
    done = run_train(subject, s.train_settings(**options, start=_start(arguments)), report)
    return {
        "subject": str(subject.root),
        "model": done.folder.name,
        "folder": str(done.folder),
        "did": str(done.way),
        "steps": done.steps,
        "minutes": round(done.minutes, 3),
        "message": done.sentence(),
    }


def _start(arguments: dict) -> s.Start:
    """`more` goes first: a job that is taken up again has got resume "auto" beside it."""
    if arguments.get("more"):
        return s.Start.MORE
    if arguments.get("resume") == "auto":
        return s.Start.AUTO
    return s.Start.RESUME if arguments.get("resume") else s.Start.ANEW


def render(arguments: dict, report: Reporter) -> dict:
    """subject, audio, out, and the fields of RenderSettings. Returns out, frames, fps and the preview's path."""
    _check_engine(arguments)
    subject = Subject.open(_required(arguments, "subject"))
    from backend.deliver.render import render as run_render

    audio, out = _required(arguments, "audio"), _required(arguments, "out")
    return run_render(subject, audio, out, _settings(s.RenderSettings, arguments), report).to_dict()


def evaluate(arguments: dict, report: Reporter) -> dict:
    """subject, model, and driven_by, models_dir, engine, threads of EvaluateSettings. Returns the scores."""
    _check_engine(arguments)
    subject = Subject.open(_required(arguments, "subject"))
    from backend.evaluate.report import evaluate as run_evaluate

    # Not `size`: within `run` that is the size of the stored frames.
    known = {key: arguments.get(key) for key in ("driven_by", "models_dir", "engine", "threads")}
    return run_evaluate(subject, arguments.get("model"), report, _settings(s.EvaluateSettings, known))


def run(arguments: dict, report: Reporter) -> dict:
    """The whole chain: footage, audio, out. Leaves out/subject, out/render, out/contact_sheet.png, out/report.json."""
    footage, audio, out = (_required(arguments, name) for name in ("footage", "audio", "out"))
    _check_engine(arguments)
    if not audio.is_file():
        raise InputError(f"There is no sound file {audio}.", "Check the path.")
    make_writable(out)
    shared_options = {key: value for key, value in arguments.items() if key not in ("footage", "audio", "out")}
    timings: dict[str, float] = {}

    def timed(name: str, verb: Verb, values: dict) -> dict:
        started = time.monotonic()
        result = verb({**shared_options, **values}, report)
        timings[name] = round(time.monotonic() - started, 1)
        return result

    subject = str(out / "subject")
    prepared = timed("preprocess", preprocess, {"footage": str(footage), "subject": subject})
    trained = timed("train", _train_for_run, {"subject": subject})
    values = {"subject": subject, "audio": str(audio), "out": str(out / "render"), "model": trained["model"]}
    rendered = timed("render", render, values)
    shutil.copyfile(out / "render" / layout.CONTACT_SHEET_FILE, out / layout.CONTACT_SHEET_FILE)
    result = {
        "out": str(out),
        "subject": subject,
        "render": str(out / "render"),
        "model": trained["model"],
        "frames": rendered["frames"],
        "fps": rendered["fps"],
        "preview": rendered["preview"],
        "contact_sheet": str(out / layout.CONTACT_SHEET_FILE),
        "quality": prepared["quality"],
        "timings_s": timings,
    }
    if arguments.get("evaluate"):
        result["scores"] = timed("evaluate", evaluate, {"subject": subject, "model": trained["model"]})
    (out / layout.REPORT_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


_TRAIN_OPTIONS = ("subject", "recipe", "preset", "holdout", "seed", "steps", "minutes", "engine", "threads")


def _train_for_run(arguments: dict, report: Reporter) -> dict:
    """Train within `run`: a model that an earlier, interrupted run left is gone on with."""
    options = {key: arguments[key] for key in _TRAIN_OPTIONS if key in arguments}
    return train({**options, "resume": "auto"}, report)


def doctor(arguments: dict, report: Reporter) -> dict:
    """What this machine has, and problems in plain words."""
    from backend.command.doctor import doctor as run_doctor

    report.phase("looking around")
    return run_doctor(arguments.get("models_dir"))


VERBS: dict[str, Verb] = {
    "preprocess": preprocess,
    "train": train,
    "render": render,
    "evaluate": evaluate,
    "run": run,
    "doctor": doctor,
}
