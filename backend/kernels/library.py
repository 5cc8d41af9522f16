"""Finds or builds the compiled library, and opens it."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shared.places import cache_folder

from . import build

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

PREBUILT = Path(__file__).parent / "lib"
"""Libraries that came with the package: a folder for each platform."""
FOLDER_VARIABLE = "TALKER_KERNELS_DIR"
"""Environment variable: the only folder to look for a library in (for testing one that was built elsewhere)."""

STATUS_TEXT = {
    1: "not enough memory",
    2: "too many splats on screen at once (they cover too many tiles)",
    3: "an argument is out of range",
    4: "the system would not start another thread",
}


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, or None where none can be had; then the log says why, once.

    Looked for beside this package (shipped prebuilt), then in the user's cache; else built into the cache. Only a
    library of the present sources is opened, which its name tells: another one may have another interface.
    """
    target = build.platform_name()
    name = build.library_name(target)
    only = os.environ.get(FOLDER_VARIABLE)
    problems = []
    for folder in [Path(only)] if only else [PREBUILT / target, kernels_folder()]:
        path = folder / name
        if not path.exists():
            continue
        try:
            return _open(path)
        except OSError as error:
            problems.append(f"{path}: {error}")
    try:
        if only:
            raise build.BuildError(f"{name} is not in {FOLDER_VARIABLE}={only}")
        return _open(build.build(kernels_folder()))
    except (build.BuildError, OSError) as error:
        problems.append(str(error).splitlines()[0])
    log.warning(
        "The compiled kernels are not available (%s); everything runs on the slow reference code.", "; ".join(problems)
    )
    return None


def require() -> ctypes.CDLL:
    """The library, for those who know that there is one. Raises RuntimeError where there is none."""
    library = load()
    if library is None:
        raise RuntimeError("the compiled library is not available")
    return library


def address(tensor: Tensor | None) -> int | None:
    """Where a tensor's values begin, as the library's structures take it; None is a null pointer."""
    return None if tensor is None else tensor.data_ptr()


def describe(library: ctypes.CDLL) -> dict[str, str]:
    """What an opened library is: `path`, `origin` (prebuilt, or built on this machine), `instruction_set` in use."""
    path = Path(library._name)
    return {
        "path": str(path),
        "origin": "prebuilt" if PREBUILT in path.parents else "built on this machine",
        "instruction_set": library.talker_kernels_name().decode(),
    }


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
    library.talker_field_kept.restype = ctypes.c_int64
    return library
