"""What this machine's GPU does with the code: tests, figures, a training, in bounded time, as one JSON file.

Needs a Python that has torch, and nothing from the network: what else is missing comes from a folder of wheels. Every
part runs in a process of its own, within its own time, and the file is written after each of them. On a machine without
a GPU the parts run that need none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.files import write_json

from .workspace import ROOT, VENV, project_environment, say

ALL_S = 480
"""Seconds for all parts."""
_SEES_GPU = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 3)"
_LAST_LINES = 15
"""Of what a part wrote, kept in the file where it failed."""
_REPORT = ("-m", "backend.command.gpu_report")
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Part:
    """One process."""

    name: str
    seconds: int
    """It may take so long."""
    arguments: tuple[str, ...]
    """Of Python."""
    needs_subject: bool = False

    @property
    def is_report(self) -> bool:
        """Whether it prints one JSON document as its last line."""
        return self.arguments[:2] == _REPORT


def gpu_tests() -> list[str]:
    """Files with tests marked `gpu`: a Python that has torch alone cannot import all the others."""
    files = sorted((ROOT / "tests" / "unit").glob("*/test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if "mark.gpu" in file.read_text(encoding="utf-8")]


def parts_with_gpu(subject: str) -> list[Part]:
    """What is asked of a GPU, in order of importance."""
    on_subject = ("--subject", subject)
    return [
        Part("machine", 30, (*_REPORT, "machine")),
        Part("tests", 70, (*_PYTEST, "-m", "gpu", *gpu_tests())),
        Part("equality", 40, (*_REPORT, "equality")),
        Part("steps", 50, (*_REPORT, "steps", *on_subject), needs_subject=True),
        Part("frames", 20, (*_REPORT, "frames")),
        Part("raster", 40, (*_REPORT, "raster")),
        *(
            Part(f"film_{size}", 140, (*_REPORT, "film", *on_subject, "--size", str(size), "--seconds", "120"), True)
            for size in (512, 1024)
        ),
    ]


def parts_without_gpu() -> list[Part]:
    """What can be known without one: kernels compile for every GPU, and are right on Warp's CPU device; nothing in a
    captured step waits for a stand-in."""
    tests = (
        "raster/test_raster_cuda.py", "raster/test_captured_rasters.py", "portrait/test_cuda_posing.py",
        "portrait/test_graphed_frames.py", "train/test_graphed_steps.py", "train/test_step_on_a_gpu.py",
    )  # fmt: skip
    return [
        Part("kernels", 200, (*_REPORT, "kernels")),
        Part("equality", 90, (*_REPORT, "equality")),
        Part("tests", 240, (*_PYTEST, *(f"tests/unit/{test}" for test in tests))),
    ]


def gpu(python: Path | None, wheels: Path | None, subject: Path | None, out: Path) -> int:
    """Run the parts and write `out`; 0 where all of them were done.

    python: has torch; None: this one, or the backend's. wheels: a folder of them, for what that Python lacks. subject:
    prepared; None: parts that need one are left out. Raises InputError where they cannot begin.
    """
    python = python or _python_with_torch()
    for folder, what in ((wheels, "folder of wheels"), (subject, "subject")):
        if folder is not None and not folder.is_dir():
            raise InputError(f"There is no {what} {folder}.", "Name one that is there.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="talker-gpu-") as site:
        environment = project_environment()
        if wheels is not None:
            unpack_wheels(wheels, Path(site))
            environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), site))
        has_gpu = subprocess.run([python, "-c", _SEES_GPU], env=environment, check=False).returncode == 0
        chosen = parts_with_gpu(str(subject and subject.resolve())) if has_gpu else parts_without_gpu()
        told: dict[str, dict] = {}
        ends = time.monotonic() + ALL_S
        for part in chosen:
            if part.needs_subject and subject is None:
                told[part.name] = {"ended": "left out", "why": "no subject was given (--subject)"}
            else:
                told[part.name] = _run(part, python, environment, ends - time.monotonic())
            write_json(out, {"python": str(python), "has_gpu": has_gpu, "parts": told})
    say(f"\n{out}")
    return 0 if all(part["ended"] in ("done", "left out") for part in told.values()) else 1


def unpack_wheels(wheels: Path, site: Path) -> None:
    """Lay the packages of a folder of wheels side by side, as an installer would. Raises InputError where there are
    none, or one is damaged."""
    found = sorted(wheels.glob("*.whl"))
    if not found:
        raise InputError(f"There are no wheels in {wheels}.", "Name a folder that holds some, or leave --wheels out.")
    for wheel in found:
        try:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        except zipfile.BadZipFile as error:
            raise InputError(f"The wheel {wheel} is damaged ({error}).", "Fetch it again.") from error


def _python_with_torch() -> Path:
    candidates = [Path(sys.executable), VENV / "backend" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")]
    for candidate in candidates:
        if candidate.is_file() and _imports_torch(candidate):
            return candidate
    raise InputError("No Python with torch was found here.", "Name one with --python.")


def _imports_torch(python: Path) -> bool:
    return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def _run(part: Part, python: Path, environment: dict[str, str], left_s: float) -> dict:
    """What came of a part: how it ended, its seconds, what it reports."""
    if left_s < 1:
        return {"ended": "left out", "why": f"the {ALL_S} s for all parts were over"}
    say(f"== {part.name}")
    started = time.monotonic()
    try:
        done = subprocess.run(
            [python, *part.arguments], cwd=ROOT, env=environment, timeout=min(part.seconds, left_s), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        lines, ended = done.stdout.splitlines(), "done" if done.returncode == 0 else "failed"
    except subprocess.TimeoutExpired as error:
        written = error.stdout or b""
        lines, ended = written.decode(errors="replace").splitlines(), "too long"
    result: dict = {"ended": ended, "seconds": round(time.monotonic() - started, 1)}
    if ended == "done" and part.is_report:
        result["result"] = json.loads(lines[-1])
    else:
        result["output"] = lines[-_LAST_LINES:]
    say(f"   {ended}, {result['seconds']} s")
    return result
