"""`talker farm`: lines and trainings as jobs of a render farm."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.command.arguments import chunk_arguments, set_from_texts, train_arguments
from backend.farm.flamenco import outdated, scripts, submissions
from backend.farm.lists import ListedLine, read_lines
from backend.farm.openjd import MOST_CHUNK_FRAMES, asset_references, parameters, template
from backend.farm.work import FarmLine, FarmTraining, FarmWork, changed_options
from backend.settings import train_settings
from backend.settings.defaults import not_given
from backend.settings.tree import with_changes
from backend.subject.subject import Subject
from shared import choices
from shared.claims import claiming
from shared.errors import InputError
from shared.files import explaining, json_text, leftovers_of, make_writable, write_text
from shared.jobs import Reporter

_CHUNK_FRAMES = 50
_OWN = ("subjects", "job", "name", "audio", "out", "lines", "chunk", "train", "train_set", "talker")
"""Arguments that are no settings of lines."""


def add_farm_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb, but for the settings of lines."""
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help="the line's subject, or those to train")
    parser.add_argument("--job", required=True, metavar="DIR", help="folder for the job's files")
    parser.add_argument("--name", metavar="NAME", help="what the farm calls the job (default: the folder's name)")
    parser.add_argument("--audio", metavar="WAV", help="the line of dialogue")
    parser.add_argument("--out", metavar="TAKE", help="the folder that it is rendered into")
    parser.add_argument("--lines", metavar="FILE", help="a table (CSV) of lines: audio, out, subject and settings")
    parser.add_argument(
        "--chunk", type=int, default=_CHUNK_FRAMES, metavar="N", help=f"frames of a task (default {_CHUNK_FRAMES})"
    )
    parser.add_argument("--train", choices=choices.PRESETS, help="train the subjects first, with this preset")
    parser.add_argument(
        "--train-set", action="append", metavar="NAME=VALUE", help="a setting of the training; more than once"
    )
    parser.add_argument("--talker", default="talker", metavar="COMMAND", help="the command on the farm's machines")


def farm(options: Mapping[str, Any]) -> dict[str, Any]:
    """Write the job's files. options: of the command line, with `set`. Returns where they are, and what the job does.
    Raises InputError."""
    line_settings = dict(options)
    asked = argparse.Namespace(**{name: line_settings.pop(name) for name in _OWN})
    folder = Path(asked.job).absolute()
    if not 1 <= asked.chunk <= MOST_CHUNK_FRAMES:
        raise InputError(f"A chunk of {asked.chunk} frames is none.", f"Use 1 to {MOST_CHUNK_FRAMES}.")
    training = _training(asked, line_settings) if asked.train is not None else None
    lines = [_line(row, asked, line_settings) for row in _rows(asked)]
    if training is None and not lines:
        raise InputError("There is nothing to do.", "Give --audio and --out, or --lines, or --train.")
    if len({line.out for line in lines}) < len(lines):
        raise InputError("Two lines are to be rendered into one folder.", "Give every line a folder of its own.")
    needs_gpu = line_settings["engine"] == "cuda"
    work = FarmWork(asked.name or folder.name, tuple(lines), training, asked.chunk, asked.talker, needs_gpu)
    files, removed = _written(work, folder)
    frames = [line.last - line.first + 1 for line in lines]
    trainings = len(training.subjects) if training else 0
    return {
        "job": str(folder),
        "files": files,
        "removed": removed,
        "trainings": trainings,
        "lines": len(lines),
        "frames": sum(frames),
        "tasks": trainings + sum(-(-count // asked.chunk) + 1 for count in frames),
    }


def _rows(arguments: argparse.Namespace) -> list[ListedLine]:
    if arguments.lines is not None:
        if arguments.audio is not None or arguments.out is not None:
            raise InputError("Both a list of lines and a line were given.", "Leave --audio and --out, or --lines, out.")
        return read_lines(Path(arguments.lines))
    if (arguments.audio is None) != (arguments.out is None):
        raise InputError("A line needs a sound and a folder.", "Give both --audio and --out.")
    return [] if arguments.audio is None else [ListedLine(None, arguments.audio, arguments.out, {})]


def _line(row: ListedLine, arguments: argparse.Namespace, options: Mapping[str, Any]) -> FarmLine:
    """A row with all that is known of it here. Raises InputError."""
    from backend.deliver.line import line_frames

    if row.subject is None and len(arguments.subjects) != 1:
        raise InputError(f"Whose line is {row.audio}?", "Name one SUBJECT, or give the list a column subject.")
    own = set_from_texts("chunk", [f"{name}={value}" for name, value in row.settings.items()])
    whose = {"subject": row.subject or arguments.subjects[0], "audio": row.audio, "out": row.out}
    engine = options["engine"]  # of the farm's machines: this one need not have it
    told = {
        name: value for name, value in {**options, **(options.get("set") or {}), **own}.items() if value is not None
    }
    defaults = not_given("render", {**told, "engine": engine})  # they go into the job: a chunk has none of its own
    asked = chunk_arguments({**options, "engine": None, **own, **defaults, **whose})
    subject = Subject.open(asked.subject)
    settings = asked.settings if engine is None else replace(asked.settings, engine=engine)
    if settings.layers == "mp4":
        raise InputError("A movie alone is not made in chunks.", "Use the layers exr or png.")
    settings = replace(settings, model=_model(subject, settings.model, arguments.train is not None))
    files = {name: getattr(settings, name) for name in ("performance", "direction", "pose")}
    absolute = {name: str(Path(path).absolute()) for name, path in files.items() if path not in (None, *choices.POSES)}
    first, last = line_frames(subject, asked.audio, settings)
    subject_root, audio, out = (path.absolute() for path in (asked.subject, asked.audio, asked.out))
    return FarmLine(out.name, subject_root, audio, out, first, last, with_changes(settings, absolute))


def _model(subject: Subject, name: str | None, is_trained_first: bool) -> str:
    """The model that all machines draw, so that none takes another one that is trained meanwhile. Raises InputError
    where there is none."""
    if is_trained_first:
        return name or choices.RECIPE
    model = subject.model(name)
    model.config()
    return model.name


def _training(arguments: argparse.Namespace, options: Mapping[str, Any]) -> FarmTraining:
    if not arguments.subjects:
        raise InputError("There is nobody to train.", "Name one SUBJECT or more.")
    changes = set_from_texts("train", arguments.train_set or ())
    asked = [
        train_arguments({"subject": path, "preset": arguments.train, "set": changes}) for path in arguments.subjects
    ]
    for one in asked:
        Subject.open(one.subject)
    wanted = ["--preset", arguments.train, *changed_options(asked[0].settings, train_settings(preset=arguments.train))]
    for name in ("model", "engine"):
        if options[name] is not None:
            wanted += [f"--{name}", options[name]]
    return FarmTraining(tuple(one.subject.absolute() for one in asked), tuple(wanted))


def _written(work: FarmWork, folder: Path) -> tuple[list[str], list[str]]:
    """Write all files of a job. Returns their names, and those of what was removed: jobs that an earlier project left
    in the folder, which would be sent along, and what killed runs left half-written."""
    documents: dict[str, Any] = {
        "template.json": template(work),
        "parameters.json": parameters(work),
        "parameter_values.json": {
            "parameterValues": [{"name": name, "value": value} for name, value in parameters(work).items()]
        },
        "asset_references.json": asset_references(work),
    }
    jobs = submissions(work)
    documents |= {f"flamenco/{name}": values for name, values in jobs.items()}
    texts = {f"flamenco/scripts/{name}": source for name, source in scripts().items()}
    texts |= {name: json_text(values) for name, values in documents.items()}
    make_writable(folder / "flamenco" / "scripts")
    with claiming(lambda: [folder], "written", Reporter()), explaining(folder):
        stale = outdated(folder / "flamenco", jobs)
        stale += [left for path in [*(folder / name for name in texts), *stale] for left in leftovers_of(path)]
        for path in stale:
            path.unlink(missing_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
    return [*documents, *(name for name in texts if name not in documents)], [
        path.relative_to(folder).as_posix() for path in stale
    ]
