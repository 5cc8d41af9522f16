"""The demo: footage and a line of dialogue, through the backend, into a .blend made by a real Blender module."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared import layout
from shared.errors import EXIT_CANCELLED, InputError, InternalError
from shared.files import make_writable, write_json

from . import package
from .stage import stage
from .workspace import ROOT, prepare_backend, prepare_blender, project_environment, run, say, this_platform

MATERIAL_FOLDER = "material"
TRAIN_MINUTES = 3
"""A fixed training time, so that the demo does not take long on a slow machine either; refining the poses comes on
top."""
CONSENT_OF_THE_DRAWN = "The presenter is drawn by a program; nobody is shown."


class Clock:
    """Measures the seconds of each part and prints them as it ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        say(f"\n== {name}")
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
        say(f"   {name}: {self.seconds[name]:.1f} s")


def demo(footage: Path | None, audio: Path | None, out: Path) -> int:
    """Do the main job into `out`; 0 when everything is there. Raises TalkerError for what stops it."""
    check_inputs(footage, audio, out)
    out = out.resolve()
    clock = Clock()
    with clock.part("set-up"):
        backend, blender = prepare_backend(), prepare_blender()
        platform = this_platform()
        archive = package.build(blender.python, stage(platform), platform)
    drawn = footage is None
    if footage is None:
        with clock.part("footage and speech"):
            made = _make_material(backend.python, out / MATERIAL_FOLDER)
        footage, audio = Path(made["footage"]), audio or Path(made["line"])
    assert audio is not None, "check_inputs lets no footage through without its line"
    with clock.part("footage to talking head"):
        command: list[str | os.PathLike] = [backend.python, "-P", "-m", "backend", "run"]
        command += [footage.resolve(), "--audio", audio.resolve()]
        command += ["--out", out, "--minutes", str(TRAIN_MINUTES), "--evaluate"]
        command += ["--set", "train.portrait.poses=rendered", *(["--consent", CONSENT_OF_THE_DRAWN] if drawn else [])]
        status = run(command, env=project_environment())
        if status != 0:
            return status if status in (InputError.exit_status, EXIT_CANCELLED) else InternalError.exit_status
    with clock.part("into Blender"):
        imported = _bring_into_blender(blender.python, archive, out, footage.resolve())
    report = _amend_report(out / layout.REPORT_FILE, clock, imported)
    _say_where(out, report, clock)
    return 0


def check_inputs(footage: Path | None, audio: Path | None, out: Path) -> None:
    """Refuse what cannot work before minutes are spent on setting up. Raises InputError."""
    for name, path in (("footage", footage), ("audio", audio)):
        if path is not None and not path.is_file():
            raise InputError(f"There is no {name} file {path}.", "Check the path.")
    if footage is not None and audio is None:
        raise InputError(
            "--footage without --audio: the demo puts no made-up words into a real person's mouth.",
            "Give the line with --audio.",
        )
    make_writable(out)


def _make_material(python: Path, folder: Path) -> dict[str, str]:
    """Paths of the drawn footage and of the spoken line."""
    command = [str(python), "-P", "-m", "backend.command.presenter", "--out", str(folder)]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=project_environment(), check=False)
    if made.returncode != 0:
        error = InputError if made.returncode == InputError.exit_status else InternalError
        raise error("The demo's own footage could not be made.", "The lines above say why.")
    return json.loads(made.stdout.strip().splitlines()[-1])


def _bring_into_blender(python: Path, archive: Path, out: Path, footage: Path) -> dict:
    """What tools/blender_import.py reports, once demo.blend is written."""
    script = ROOT / "tools" / "blender_import.py"
    summary = out / MATERIAL_FOLDER / "import.json"
    summary.parent.mkdir(exist_ok=True)
    summary.unlink(missing_ok=True)
    status = run([python, "-P", script, archive, out, footage, summary], env=project_environment())
    if status != 0 or not summary.is_file():
        raise InternalError("Blender did not take the result in.", "The lines above say why.")
    return json.loads(summary.read_text(encoding="utf-8"))


def _amend_report(path: Path, clock: Clock, imported: dict) -> dict:
    report = json.loads(path.read_text(encoding="utf-8"))
    report["timings_s"] = {
        **report.get("timings_s", {}),
        **clock.seconds,
        "total": round(sum(clock.seconds.values()), 1),
    }
    report["blender"] = imported
    write_json(path, report)
    return report


def _say_where(out: Path, report: dict, clock: Clock) -> None:
    say("\nDone. Where to look:")
    for name, path in (
        ("Blender file", out / layout.DEMO_BLEND_FILE),
        ("EXR frames", out / "render" / layout.EXR_NAME.format(frame=1)),
        ("preview", out / "render" / layout.PREVIEW_FILE),
        ("contact sheet", out / layout.CONTACT_SHEET_FILE),
        ("report", out / layout.REPORT_FILE),
    ):
        if not path.is_file():
            raise InternalError(f"The demo ended, but left no {path}.")
        say(f"  {name:<14} {path}")
    say(f"\n{report['frames']} frames at {report['fps']} frames a second.")
    say("Time of each part: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in clock.seconds.items()))
    say(f"Together {sum(clock.seconds.values()) / 60:.1f} minutes.")
