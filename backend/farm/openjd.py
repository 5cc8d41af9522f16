"""A farm's job as an Open Job Description template (2023-09, with TASK_CHUNKING) and what a job bundle has beside it.

Specification: github.com/OpenJobDescription/openjd-specifications, "Template Schemas". Paths are of the type PATH, so
that a farm maps them to its machines: parameters of the job where there is one line, of the tasks where there are many
(a job has 50 parameters at most).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.farm.work import FarmLine, FarmWork
from shared.errors import InputError

LONGEST_NAME, LONGEST_JOB_NAME = 64, 128
"""Characters of a step's and of a job's name."""
MOST_CHUNK_FRAMES = 150
"""Largest chunk that Deadline Cloud takes."""
MOST_TASKS = 1024
"""Values in the list of a task's parameter."""
_NOTICE_S = 15
"""Seconds for a task that is cancelled to end by itself."""
_TRAIN_STEP = "Train"


def template(work: FarmWork) -> dict[str, Any]:
    """The template, as plain values. Raises InputError for names that cannot stand in one."""
    if work.training is not None and len(work.training.subjects) > MOST_TASKS:
        raise InputError(f"{len(work.training.subjects)} subjects are too many for one job.", "Write several jobs.")
    steps = [_training_step(work)] if work.training is not None else []
    for number, line in enumerate(work.lines, start=1):
        name = "" if _is_single(work) else f"{number:04d} {_plain(line.name)}"
        steps += _line_steps(work, line, name)
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": _plain(work.name)[:LONGEST_JOB_NAME],
        "parameterDefinitions": _parameters(work),
        "steps": steps,
    }


def parameters(work: FarmWork) -> dict[str, str]:
    """Values of the template's parameters that have no default."""
    if not _is_single(work):
        return {}
    line = work.lines[0]
    paths = {"Subject": line.subject, "Audio": line.audio, "Take": line.out}
    return {name: str(path) for name, path in (paths | _file_parameters(line)).items()}


def asset_references(work: FarmWork) -> dict[str, Any]:
    """What a job bundle's asset_references file holds: files and folders that are read and written."""
    return {
        "assetReferences": {
            "inputs": {"filenames": list(map(str, work.filenames)), "directories": list(map(str, work.directories))},
            "outputs": {"directories": sorted({str(line.out) for line in work.lines})},
        }
    }


def _is_single(work: FarmWork) -> bool:
    """Whether the job is about one line, whose paths are parameters of the job."""
    trained = () if work.training is None else work.training.subjects
    return len(work.lines) == 1 and set(trained) <= {work.lines[0].subject}


def _parameters(work: FarmWork) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "Talker", "type": "STRING", "default": work.talker, "description": "The command on the workers."},
    ]
    if work.lines:
        found.append({
            "name": "ChunkFrames", "type": "INT", "default": work.chunk_frames, "minValue": 1,
            "maxValue": MOST_CHUNK_FRAMES, "description": "Frames of a task.",
        })  # fmt: skip
    if _is_single(work):
        line, subject_flow = work.lines[0], "IN" if work.training is None else "INOUT"
        found += [
            {"name": "Subject", "type": "PATH", "objectType": "DIRECTORY", "dataFlow": subject_flow},
            {"name": "Audio", "type": "PATH", "objectType": "FILE", "dataFlow": "IN"},
            {"name": "Take", "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"},
            *(
                {"name": name, "type": "PATH", "objectType": "FILE", "dataFlow": "IN"}
                for name in _file_parameters(line)
            ),
            {"name": "Frames", "type": "STRING", "default": line.frames, "description": "The take's frames."},
        ]
    return found


def _training_step(work: FarmWork) -> dict[str, Any]:
    """A task for each head; for a job about one line no more than that line's."""
    assert work.training is not None
    definitions, subject = [], "{{Param.Subject}}"
    if not _is_single(work):
        trained = [_plain(str(path)) for path in work.training.subjects]
        definitions, subject = [{"name": "Trained", "type": "PATH", "range": trained}], "{{Task.Param.Trained}}"
    # Begun where there is no such training, gone on with where there is: a task may be repeated at any time.
    command = ["train", "--subject", subject, "--set", "start=auto", *map(_plain, work.training.options)]
    return _step(work, _TRAIN_STEP, command, definitions, [])


def _line_steps(work: FarmWork, line: FarmLine, name: str) -> list[dict[str, Any]]:
    """The frames of a line, a task a chunk, and the take that is made of them."""
    if _is_single(work):
        paths, frames, values = [], "{{Param.Frames}}", {name: f"{{{{Param.{name}}}}}" for name in _paths(line)}
    else:
        paths = [{"name": at, "type": "PATH", "range": [_plain(str(path))]} for at, path in _paths(line).items()]
        frames, values = line.frames, {name: f"{{{{Task.Param.{name}}}}}" for name in _paths(line)}
    chunks = {"defaultTaskCount": "{{Param.ChunkFrames}}", "rangeConstraint": "CONTIGUOUS"}
    frame = {"name": "Frame", "type": "CHUNK[INT]", "range": frames, "chunks": chunks}
    inputs = ["--subject", values["Subject"], "--audio", values["Audio"]]
    files = [
        part for setting in line.files for part in ("--set", f"{setting}={values[setting.capitalize()]}")
    ]  # fmt: skip
    draw = ["chunk", *inputs, "--out", values["Take"], "--frames", "{{Task.Param.Frame}}", *files]
    draw += map(_plain, line.options)
    join = ["join", values["Take"], *inputs, "--frames", frames, *files]
    drawing, joining = (f"{verb} {name}".strip()[:LONGEST_NAME] for verb in ("Render", "Join"))
    before = [] if work.training is None else [_TRAIN_STEP]
    return [_step(work, drawing, draw, [*paths, frame], before), _step(work, joining, join, paths, [drawing])]


def _step(
    work: FarmWork, name: str, command: list[str], definitions: list[dict[str, Any]], after: list[str]
) -> dict[str, Any]:
    action = {
        "command": "{{Param.Talker}}",
        "args": command,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTICE_S},
    }
    step: dict[str, Any] = {"name": name, "script": {"actions": {"onRun": action}}}
    if definitions:
        step["parameterSpace"] = {"taskParameterDefinitions": definitions}
    if after:
        step["dependencies"] = [{"dependsOn": before} for before in after]
    if work.needs_gpu:  # the join too: what it compares with is computed where frames are drawn
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    return step


def _paths(line: FarmLine) -> dict[str, Path]:
    return {"Subject": line.subject, "Audio": line.audio, "Take": line.out} | _file_parameters(line)


def _file_parameters(line: FarmLine) -> dict[str, Path]:
    return {setting.capitalize(): path for setting, path in line.files.items()}


def _plain(text: str) -> str:
    """A text as it may stand in a template. Raises InputError for one that would be read as something else."""
    if "{{" in text or "}}" in text or not text.isprintable():
        raise InputError(f"{text!r} cannot stand in a farm's job.", "Rename it: without {{, }} and line breaks.")
    return text
