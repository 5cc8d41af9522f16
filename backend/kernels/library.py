"""Finds or builds the compiled library, and opens it."""

from __future__ import annotations

import ctypes
import functools
import logging
from pathlib import Path

from shared.places import cache_folder

from . import build

log = logging.getLogger(__name__)

PREBUILT = Path(__file__).parent / "lib"

STATUS_TEXT = {
    1: "not enough memory",
    2: "too many splats on screen at once (they cover too many tiles)",
    3: "an argument is out of range",
    4: "the system would not start another thread",
}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, or None where none can be had; then the log says why, once.

    Looked for beside this package (shipped prebuilt), then in the user's cache; else built into the cache.
    """
    name = build.library_name(build.platform_name())
    problems = []
    for folder in (PREBUILT / build.platform_name(), kernels_folder()):
        path = folder / name
        if not path.exists():
            continue
        try:
            return _open(path)
        except OSError as error:
            problems.append(f"{path}: {error}")
    try:
        return _open(build.build(kernels_folder()))
    except (build.BuildError, OSError) as error:
        problems.append(str(error).splitlines()[0])
    log.warning(
        "The compiled kernels are not available (%s); everything runs on the slow reference code.", "; ".join(problems)
    )
    return None


def kernels_folder() -> Path:
    """This user's folder for libraries built on this machine."""
    return cache_folder() / "kernels"


def check(status: int) -> None:
    """Raise for a status other than 0 of a library call: MemoryError, or ValueError with the reason."""
    if status:
        text = STATUS_TEXT.get(status, f"status {status}")
        raise MemoryError(text) if status == 1 else ValueError(text)


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.talker_kernels_name.restype = ctypes.c_char_p
    return library
