"""A Python environment from pinned requirements: made once, stamped, and used again as long as the stamp fits."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, InternalError
from ..files import explained, explaining, remove_leftovers, replacing, require_file, write_json, write_text
from ..folders import folder_bytes
from ..locking import FileLock
from . import pip, torch_build
from .interpreter import choose_python, probe, supported_text
from .system_libraries import BACKEND_LIBRARIES, BLENDER_LIBRARIES, require_libraries

STAMP_NAME = "talker-setup.json"
LOCK_WAIT_S = 1800.0
GIB = 1024**3


@dataclass(frozen=True)
class EnvironmentPlan:
    """What an environment should hold."""

    folder: Path
    """Where it lives."""
    requirements: tuple[Path, ...]
    """Requirement files, every package pinned by hash."""
    torch: Path | None = None
    """Requirement file of torch alone, whose build is chosen by the machine; None: no torch."""
    gpu_requirements: Path | None = None
    """Requirement file, pinned by hash too, of what is installed beside torch's CUDA build only."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """System libraries that are needed, shared object to Debian package."""
    imports: tuple[str, ...] = ()
    """Modules that must import in the finished environment."""
    needed_gib: float = 1.0
    """Free disk space without which it is not begun, GiB."""
    cuda_gib: float = 8.0
    """What torch's CUDA build needs on top of that: it brings NVIDIA's libraries."""

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def log_file(self) -> Path:
        """What pip printed, beside the environment, so that it outlives a failed one."""
        return self.folder.parent / f"{self.folder.name}-setup.log"


def backend_plan(root: Path, folder: Path, with_tests: bool = False) -> EnvironmentPlan:
    """The backend's environment. `root` is the repository or the staged extension (both hold requirements/)."""
    lists = ("backend.txt", "test.txt", "cuda.txt") if with_tests else ("backend.txt",)
    return EnvironmentPlan(
        folder=folder,
        requirements=tuple(root / "requirements" / name for name in lists),
        torch=root / "requirements" / "torch.txt",
        gpu_requirements=None if with_tests else root / "requirements" / "cuda.txt",
        libraries=BACKEND_LIBRARIES,
        imports=("av", "cv2", "mediapipe", "msgpack", "OpenEXR", "safetensors", "scipy", "soundfile", "torch", "zmq"),
        needed_gib=3.0,
    )


def blender_plan(root: Path, folder: Path) -> EnvironmentPlan:
    """Blender as a Python module, for the demo and the tests; its version follows the running Python's."""
    return EnvironmentPlan(
        folder=folder,
        requirements=(root / "requirements" / "blender.txt",),
        libraries=BLENDER_LIBRARIES,
        imports=("msgpack", "zmq"),
        needed_gib=2.0,
    )


def wanted_stamp(plan: EnvironmentPlan, version: tuple[int, int]) -> dict:
    """What the stamp of an environment that follows `plan` says, for a Python of this version."""
    build = torch_build.wanted_build() if plan.torch else None
    return {"python": f"{version[0]}.{version[1]}", "requirements": requirements_digest(plan), "torch": build}


def requirements_digest(plan: EnvironmentPlan) -> str:
    """SHA-256 over the requirement files, in hex."""
    digest = hashlib.sha256()
    for path in (*plan.requirements, plan.torch, plan.gpu_requirements):
        digest.update(path.read_bytes() if path else b"")
    return digest.hexdigest()


def read_stamp(plan: EnvironmentPlan) -> dict | None:
    """The stamp of a finished environment; None if it is unfinished, damaged or absent."""
    try:
        stamp = json.loads((plan.folder / STAMP_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if plan.python.exists() else None


def is_ready(plan: EnvironmentPlan, version: tuple[int, int]) -> bool:
    """Whether the environment is finished and follows `plan`."""
    return read_stamp(plan) == wanted_stamp(plan, version)


def prepare(plan: EnvironmentPlan, log: Callable[[str], None], python: Path | None = None) -> bool:
    """Make the environment, or bring it up to date. True if there was something to do.

    `python` is the interpreter to make it with; None: the running one, or another supported one. An unfinished
    environment (interrupted, damaged) is made anew; what was downloaded lies in pip's cache. Safe against a second
    call at the same time, which waits. Raises InputError for what the user can mend (wrong Python, missing system
    libraries, disk, network) and InternalError with the log's path otherwise.
    """
    base = choose_python() if python is None else python
    version = probe(base)
    if version is None:
        raise InputError(f"{base} is no Python with venv and pip.", f"Name a Python {supported_text()}.")
    _require_place(plan)
    lock = _lock(plan, log)
    try:
        require_libraries(plan.libraries, log)
        if is_ready(plan, version):
            return False
        wanted = wanted_stamp(plan, version)
        _require_space(plan, wanted)
        _create(plan, base, wanted, log)
        return True
    except OSError as error:
        raise explained(error, plan.folder) from error
    finally:
        lock.release()


def _require_place(plan: EnvironmentPlan) -> None:
    """Raises InputError where the environment's place is no folder, or one that holds something else: making an
    environment empties it."""
    folder, log_file = plan.folder, plan.log_file
    do = "Choose another place, or move that away."
    if os.path.lexists(log_file):
        require_file(log_file, do)
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        kind = "a file or a device" if os.path.exists(folder) else "a link that leads nowhere"
        raise InputError(f"The environment's place {folder} is {kind}, not a folder.", do)
    with explaining(folder):
        held = sorted(os.listdir(folder))
    if held and STAMP_NAME not in held and not log_file.exists():
        raise InputError(f"The environment's place {folder} holds something else ({held[0]}).", do)


def _lock(plan: EnvironmentPlan, log: Callable[[str], None]) -> FileLock:
    lock = FileLock(plan.folder.parent / f"{plan.folder.name}.lock")
    try:
        if lock.acquire():
            return lock
        log(f"Another process is setting up {plan.folder}: waiting for it.")
        if lock.acquire(LOCK_WAIT_S):
            return lock
    except OSError as error:
        raise explained(error, plan.folder.parent) from error
    raise InputError(f"{plan.folder} is still being set up by another process.", "End that process and try again.")


def _require_space(plan: EnvironmentPlan, wanted: dict) -> None:
    free = shutil.disk_usage(plan.folder.parent).free / GIB
    needed = plan.needed_gib + (plan.cuda_gib if wanted["torch"] == "cuda" else 0.0)
    if free < needed:
        raise InputError(
            f"The disk that holds {plan.folder.parent} is too full: {free:.1f} GiB free, {needed:.0f} needed.",
            "Free some space, or choose a folder on another disk.",
        )


def _create(plan: EnvironmentPlan, base: Path, wanted: dict, log: Callable[[str], None]) -> None:
    """Everything between an empty folder and the stamp that says what is `wanted`."""
    stamp = read_stamp(plan)
    plan.log_file.write_text("", encoding="utf-8")
    # pip treats all builds of one version of torch as equal: it would not replace one by another.
    if stamp is None or any(stamp.get(key) != wanted[key] for key in ("python", "torch")):
        log(f"Making the environment {plan.folder} with {base}")
        _make_venv(plan, base)
    else:
        log(f"Bringing the environment {plan.folder} up to date")
    (plan.folder / STAMP_NAME).unlink(missing_ok=True)
    remove_leftovers(plan.folder)
    lists = [*plan.requirements]
    if plan.gpu_requirements is not None and wanted["torch"] == "cuda":
        lists.append(plan.gpu_requirements)
    arguments = ["--require-hashes"]
    for path in lists:
        arguments += ["-r", str(path)]
    total = sum(len(re.findall(r"^[A-Za-z0-9]", path.read_text(encoding="utf-8"), re.M)) for path in lists)
    if total:
        log(f"Installing about {total} packages")
        pip.install(plan.python, arguments, total, log, plan.log_file)
    if plan.torch is not None:
        log(f"Installing torch, {wanted['torch'].upper()} build")
        index = torch_build.index_arguments(wanted["torch"], log)
        pip.install(plan.python, [*index, "-r", str(plan.torch)], 1, log, plan.log_file)
    _check_imports(plan, log)
    write_json(plan.folder / STAMP_NAME, wanted)


def _make_venv(plan: EnvironmentPlan, base: Path) -> None:
    command = [str(base), "-I", "-m", "venv", "--clear", str(plan.folder)]
    run = subprocess.run(command, capture_output=True, text=True, env=pip.child_environment(), check=False)
    if run.returncode != 0:
        output = run.stdout + run.stderr
        plan.log_file.write_text(output, encoding="utf-8")
        raise pip.explain(output, plan.folder, plan.log_file)


def _check_imports(plan: EnvironmentPlan, log: Callable[[str], None]) -> None:
    """Import the main modules once, so that a missing system library or a broken package is found now."""
    if not plan.imports:
        return
    log(f"Checking that {len(plan.imports)} packages import")
    command = [str(plan.python), "-P", "-c", f"import {', '.join(plan.imports)}"]
    run = subprocess.run(command, capture_output=True, text=True, env=pip.child_environment(), check=False)
    if run.returncode != 0:
        with plan.log_file.open("a", encoding="utf-8") as record:
            record.write(run.stderr)
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        library = re.search(r"(lib\S+\.so\S*): cannot open shared object", last)
        if library:
            raise InputError(f"A system library is missing: {library[1]}.", "Install your system's package for it.")
        raise InternalError(f"The environment is made, but does not import: {last}", f"See {plan.log_file}.")


def write_launcher(path: Path, python: Path, root: Path) -> None:
    """A small script at `path` (with .cmd added on Windows) that runs the backend's command line, `talker`.

    -P keeps a folder called backend in the user's working folder from being taken for ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        text = f'@echo off\r\nset "PYTHONPATH={root}"\r\n"{python}" -P -m backend %*\r\n'
        write_text(path.with_suffix(".cmd"), text)
        return
    text = f'#!/bin/sh\nPYTHONPATH={_quoted(root)} exec {_quoted(python)} -P -m backend "$@"\n'
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o755)


def _quoted(path: Path) -> str:
    """For a POSIX shell."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def remove(plan: EnvironmentPlan) -> int:
    """Remove an environment, finished or not, and the log of its making; bytes that were freed. Blocks.

    Nothing is removed that Python did not make as an environment. Raises InputError where the folder is none, while it
    is being set up, and where something in it cannot be removed.
    """
    lock = FileLock(plan.folder.parent / f"{plan.folder.name}.lock")
    if not (plan.folder / "pyvenv.cfg").is_file():
        raise InputError(f"{plan.folder} holds no environment.", "There is nothing to remove.")
    if not lock.acquire():
        raise InputError(f"{plan.folder} is being set up.", "Wait for that to end, or cancel it.")
    try:
        freed = folder_bytes(plan.folder)
        (plan.folder / STAMP_NAME).unlink(missing_ok=True)  # first: half an environment is none
        shutil.rmtree(plan.folder)
        plan.log_file.unlink(missing_ok=True)
        return freed
    except OSError as error:
        raise explained(error, plan.folder) from error
    finally:
        lock.release()
