"""What this machine has for the backend, and what is wrong with it, in plain words."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from backend.model_files import MODEL_FILES, REQUIRED_MODELS, locate_model
from shared.errors import InputError
from shared.files import make_writable
from shared.places import cache_folder
from shared.setup.interpreter import SUPPORTED, supported_text
from shared.setup.system_libraries import BACKEND_LIBRARIES, install_line, missing_libraries
from shared.setup.torch_build import has_nvidia_gpu
from shared.version import VERSION

PACKAGES = (
    "av",
    "librosa",
    "mediapipe",
    "msgpack",
    "numba",
    "numpy",
    "opencv-python",
    "OpenEXR",
    "PyMatting",
    "pyzmq",
    "rich",
    "safetensors",
    "scipy",
    "soundfile",
    "torch",
)
WANTED_CODECS = {
    "libx264": "preview movies",
    "aac": "sound in preview movies",
    "h264": "most footage",
    "hevc": "phones",
}
"""FFmpeg codecs that PyAV must have, and what for."""
LOW_DISK_GIB = 2.0


def doctor(models_dir: str | None = None) -> dict:
    """A report as plain values.

    Keys: `version`, `backend` (folder), `python`, `system`, `packages` (name to version or None), `torch` (version,
    device), `cores`, `raster` (see _raster), `models` (name to path or None), `cache` (folder, writable),
    `free_disk_gib`, `codecs` (name to whether PyAV has it), `signing` (who signs what is rendered, or None), and
    `problems`, sentences that say what is wrong and what to do.
    """
    problems: list[str] = []
    report: dict = {
        "version": VERSION,
        "backend": str(Path(__file__).resolve().parent),
        "python": _python(problems),
        "system": platform.platform(),
        "packages": _packages(problems),
        "torch": _torch(problems),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "raster": _raster(problems),
        "models": _models(models_dir, problems),
        "cache": _cache(problems),
        "free_disk_gib": _free_disk(problems),
        "codecs": _codecs(problems),
        "signing": _signing(problems),
    }
    missing = missing_libraries(BACKEND_LIBRARIES)
    if missing:
        problems.append(
            f"System libraries are missing: {', '.join(missing)}. Run: {install_line(sorted(set(missing.values())))}"
        )
    report["problems"] = problems
    return report


def _python(problems: list[str]) -> str:
    if sys.version_info[:2] not in SUPPORTED:
        problems.append(f"Python {platform.python_version()} is not supported: set up with {supported_text()}.")
    return f"{platform.python_version()} ({sys.executable})"


def _packages(problems: list[str]) -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
            problems.append(f"The package {name} is not installed: install the backend again.")
    return versions


def _torch(problems: list[str]) -> dict:
    try:
        import torch
    except (ImportError, OSError) as error:
        problems.append(f"torch does not import ({error}): install the backend again.")
        return {"device": None}
    usable = torch.cuda.is_available()
    device = torch.cuda.get_device_name(0) if usable else "CPU"
    if not usable and has_nvidia_gpu():
        problems.append(
            f"There is an NVIDIA GPU, but torch {torch.__version__} cannot use it: "
            "install the backend again, or update NVIDIA's driver."
        )
    return {"version": torch.__version__, "device": device, "threads": torch.get_num_threads()}


def _raster(problems: list[str]) -> dict:
    """`engine`: the one that is used by default, and `why` that one; `engines`: all that run here, with a line on each;
    `library`: the compiled kernels (path, origin, instruction_set), or None.
    """
    from backend.kernels import build, library
    from backend.raster import cuda
    from backend.raster.rasterize import available_engines

    engines = available_engines()
    if has_nvidia_gpu() and not cuda.is_available():
        problems.append(f"The engine for NVIDIA GPUs does not run: {cuda.why_not()}")
    engine = next(iter(engines))
    opened = library.load()
    report = {"engine": engine, "engines": engines, "library": library.describe(opened) if opened else None}
    if opened:
        return report | {"why": engines[engine]}
    try:
        why = f"{' '.join(build.find_compiler())} is here, but the library does not build or load"
    except build.BuildError as error:
        why = str(error)
    problems.append(f"The compiled kernels are not available ({why}): everything runs on the slow reference code.")
    return report | {"why": why}


def _models(models_dir: str | None, problems: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in MODEL_FILES:
        try:
            path = locate_model(name, models_dir)
        except InputError as error:
            problems.append(str(error))
            found[name] = None
            continue
        found[name] = str(path) if path else None
        if path is None and name in REQUIRED_MODELS:
            problems.append(f"The model file {name} is not here yet: it is fetched when it is first needed.")
    return found


def _cache(problems: list[str]) -> dict:
    folder = cache_folder()
    try:
        make_writable(folder)
    except InputError as error:
        problems.append(f"{error.what} It is the cache: name another in TALKER_CACHE_DIR.")
        return {"folder": str(folder), "writable": False}
    return {"folder": str(folder), "writable": True}


def _free_disk(problems: list[str]) -> float:
    folder = cache_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1024**3
    if free < LOW_DISK_GIB:
        problems.append(f"Only {free:.1f} GiB are free on the disk of {existing}: free some space.")
    return round(free, 1)


def _signing(problems: list[str]) -> str | None:
    try:
        from backend.provenance.credentials import configured_credentials
        from backend.settings import RenderSettings

        credentials = configured_credentials(RenderSettings())
    except (ImportError, OSError, InputError) as error:
        problems.append(f"The identity that signs cannot be used: {error}")
        return None
    return None if credentials is None else credentials.identity.name


def _codecs(problems: list[str]) -> dict[str, bool]:
    try:
        import av
    except (ImportError, OSError) as error:
        problems.append(f"PyAV does not import ({error}): install the backend again.")
        return {}
    present = {name: name in av.codecs_available for name in WANTED_CODECS}
    for name, has in present.items():
        if not has:
            problems.append(f"PyAV lacks the codec {name}, which is needed for {WANTED_CODECS[name]}.")
    return present
