"""What the backend can be asked to do, by name: plain values in, plain values out.

The command line and the job worker both call these, so that a job does what the command does. What each takes, and
how strictly, is in arguments.py. Each verb imports its room when it is called: asking for help must not wait for torch.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from backend.command.arguments import (
    EvaluateArguments,
    PreprocessArguments,
    RenderArguments,
    TrackArguments,
    TrainArguments,
    chunk_arguments,
    compare_arguments,
    consent_arguments,
    doctor_arguments,
    evaluate_arguments,
    export_arguments,
    join_arguments,
    preprocess_arguments,
    presenter_arguments,
    render_arguments,
    run_arguments,
    track_arguments,
    train_arguments,
    verify_arguments,
)
from backend.settings import SelfTrackingSettings, TrainSettings
from backend.subject.consent import change_consent, require_consent
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared import layout
from shared.claims import handing_out
from shared.files import make_writable, replacing, write_json
from shared.jobs import Reporter

Verb = Callable[[Mapping[str, Any], Reporter], dict[str, Any]]


def preprocess(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """Footage to a subject folder. Returns subject, frames, fps, quality report, consent, contact sheet."""
    return _preprocess(preprocess_arguments(arguments), report)


def _preprocess(asked: PreprocessArguments, report: Reporter) -> dict:
    from backend.preprocess.pipeline import preprocess as run_preprocess

    subject = run_preprocess(asked.footage, asked.subject, asked.settings, report)
    return {
        "subject": str(subject.root),
        "frames": subject.frame_count,
        "fps": subject.info.fps,
        "quality": subject.info.quality,
        "consent": subject.consent().words(),
        "contact_sheet": str(subject.root / layout.CONTACT_SHEET_FILE),
    }


def track(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """Refine a subject's head poses by a head that is trained for it. Returns subject, and what it did to them."""
    return _track(track_arguments(arguments), report)


def _track(asked: TrackArguments, report: Reporter) -> dict:
    subject = Subject.open(asked.subject)
    from backend.tracking.self_tracking import self_track

    return {"subject": str(subject.root), **asdict(self_track(subject, asked.settings, report))}


def train(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """A subject folder to a model; `start` says how it begins (shared.training.Start; anew where it is not given).

    Returns model, its folder, its steps and minutes, what was done (`did`, a shared.training.Did) and the same as a
    sentence. Where the settings ask for poses by rendering and the subject has none yet, they are found first, which
    took `tracking_s` seconds beside the minutes.
    """
    return _train(train_arguments(arguments), report)


def _train(asked: TrainArguments, report: Reporter) -> dict:
    subject = Subject.open(asked.subject)
    require_consent(subject, report)
    from backend.train.trainer import train as run_train

    tracking_s: list[float] = []

    def refine_poses(settings: TrainSettings) -> None:
        started = time.monotonic()
        report.message("The head's poses are refined first, by a quick head of its own; the subject keeps them.")
        own = SelfTrackingSettings(engine=settings.engine, threads=settings.threads)
        _track(TrackArguments(asked.subject, own), report)
        tracking_s.append(round(time.monotonic() - started, 1))

    done = run_train(subject, asked.settings, report, refine_poses=refine_poses)
    return {
        "subject": str(subject.root),
        "model": done.folder.name,
        "folder": str(done.folder),
        "did": str(done.did),
        "steps": done.steps,
        "minutes": round(done.minutes, 3),
        "tracking_s": sum(tracking_s),
        "message": done.sentence(),
    }


def render(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """A line of dialogue to frames. Returns out, frames, fps and the preview's path."""
    return _render(render_arguments(arguments), report)


def _render(asked: RenderArguments, report: Reporter) -> dict:
    subject = Subject.open(asked.subject)
    from backend.deliver.render import render as run_render

    return run_render(subject, asked.audio, asked.out, asked.settings, report).to_dict()


def chunk(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """Some frames of a line, while others draw the rest of it. Returns out, frames, and what was drawn now."""
    asked = chunk_arguments(arguments)
    subject = Subject.open(asked.subject)
    from backend.deliver.chunk import draw_chunk

    return draw_chunk(subject, asked.audio, asked.out, asked.settings, report).to_dict()


def join(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """Frames that were drawn in chunks to a take. Returns what `render` does."""
    asked = join_arguments(arguments)
    from backend.deliver.chunk import join as run_join

    return run_join(asked.out, asked.settings, report, asked.subject, asked.audio).to_dict()


def evaluate(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """A model's scores on frames it has not seen, or those of its recipe on several parts of its clip. Returns them."""
    return _evaluate(evaluate_arguments(arguments), report)


def _evaluate(asked: EvaluateArguments, report: Reporter) -> dict:
    subject = Subject.open(asked.subject)
    if asked.folds is not None or asked.seeds > 1:
        from backend.evaluate.folds import evaluate_folds

        return evaluate_folds(subject, asked.model, asked.folds, asked.seeds, report, asked.settings)
    from backend.evaluate.report import evaluate as run_evaluate

    return run_evaluate(subject, asked.model, report, asked.settings)


def compare(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """What was scored of two models or more, beside each other, with intervals. Returns it, and the page's path."""
    from backend.evaluate.compare import compare as run_compare
    from backend.evaluate.compare import contender
    from backend.evaluate.page import write_page

    asked = compare_arguments(arguments)
    subject = None if asked.subject is None else Subject.open(asked.subject)
    contenders = [contender(name, subject) for name in asked.models]
    result = run_compare(contenders, report)
    if asked.page is not None:
        make_writable(asked.page.resolve().parent)
        with handing_out(asked.page.absolute(), report):
            write_page(asked.page, result, contenders)
    return result | {"page": None if asked.page is None else str(asked.page)}


def export(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """A finished take as files for another program. Returns out, kind, frames and fps."""
    from backend.export.export import export as run_export

    asked = export_arguments(arguments)
    return run_export(asked.take, asked.out, report, asked)


def run(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """The whole chain: footage, audio, out. Leaves out/subject, out/render, out/contact_sheet.png, out/report.json."""
    asked = run_arguments(arguments)
    out, settings, subject = asked.out, asked.settings, asked.out / "subject"
    from backend.deliver.line import require_readable
    from backend.media.audio import require_sound

    require_sound(asked.audio, settings.render.audio_track)
    require_readable(settings.render)
    if settings.train.model is not None:
        ModelFolder.of(subject, settings.train.model)
    make_writable(out)
    timings: dict[str, float] = {}

    def timed(name: str, stage: Callable[[Any, Reporter], dict], values: Any) -> dict:
        started = time.monotonic()
        result = stage(values, report)
        timings[name] = round(time.monotonic() - started, 1)
        return result

    prepared = timed("preprocess", _preprocess, PreprocessArguments(asked.footage, subject, settings.preprocess))
    trained = timed("train", _train, TrainArguments(subject, settings.train))
    line = replace(settings.render, model=trained["model"])
    rendered = timed("render", _render, RenderArguments(subject, asked.audio, out / "render", line))
    sheet = out / layout.CONTACT_SHEET_FILE
    with handing_out(sheet, report), replacing(sheet) as temporary:
        shutil.copyfile(out / "render" / layout.CONTACT_SHEET_FILE, temporary)
    result = {
        "out": str(out),
        "subject": str(subject),
        "render": str(out / "render"),
        "model": trained["model"],
        "frames": rendered["frames"],
        "fps": rendered["fps"],
        "preview": rendered["preview"],
        "contact_sheet": str(out / layout.CONTACT_SHEET_FILE),
        "quality": prepared["quality"],
        "timings_s": timings,
    }
    if asked.evaluate:
        by_footage = replace(settings.evaluate, footage=settings.evaluate.footage or str(asked.footage))
        scoring = EvaluateArguments(subject, by_footage, trained["model"])
        result["scores"] = timed("evaluate", _evaluate, scoring)
    with handing_out(out / layout.REPORT_FILE, report):
        write_json(out / layout.REPORT_FILE, result)
    return result


def doctor(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """What this machine has, and problems in plain words; kept in a zip for others where that is asked for."""
    from backend.command.doctor import doctor as run_doctor

    asked = doctor_arguments(arguments)
    report.phase("looking around")
    found = run_doctor(asked.models_dir)
    if asked.bundle is None:
        return found
    from backend.command.debug_bundle import write_bundle

    names = write_bundle(asked.bundle, found, asked.state_dir or None)
    return found | {"bundle": str(asked.bundle), "bundled": names}


def presenter(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """A drawn presenter to try everything with. Returns its footage, its line and the truth about both, as paths."""
    from backend.presenter.make import make_demo_material

    asked = presenter_arguments(arguments)
    make_writable(asked.out)
    report.phase("draw the presenter")
    return {name: str(path) for name, path in asdict(make_demo_material(asked.out, report)).items()}


def consent(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """What the person shown has agreed to, after it is changed where something is given. Returns it by field."""
    asked = consent_arguments(arguments)
    fields = {name: value for name, value in asdict(asked).items() if name != "subject" and value is not None}
    return change_consent(asked.subject, fields, report)


def verify(arguments: Mapping[str, Any], report: Reporter) -> dict:
    """The marks of a file or a take. Returns them; raises InputError where they are missing or altered."""
    from backend.provenance.verify import verify as run_verify

    asked = verify_arguments(arguments)
    return run_verify(asked.file, asked.trust, report)


VERBS: dict[str, Verb] = {
    "preprocess": preprocess,
    "track": track,
    "train": train,
    "render": render,
    "chunk": chunk,
    "join": join,
    "evaluate": evaluate,
    "compare": compare,
    "export": export,
    "run": run,
    "doctor": doctor,
    "presenter": presenter,
    "consent": consent,
    "verify": verify,
}
