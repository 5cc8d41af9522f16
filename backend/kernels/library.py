"""Finds or builds the compiled library, and opens it with the declarations of its header (cffi, ABI mode).

Imports neither torch nor numpy: the sanitizers' run opens libraries with this too.
"""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi

from shared.places import cache_folder, named_folder

from . import build, interface

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "TALKER_KERNELS_DIR"
"""Environment variable: the only folder to look for a library in (for testing one that was built elsewhere)."""

ffi = cffi.FFI()
"""The types of api.h. Its functions are called with what `arguments` and `tensors` make."""
ffi.cdef(interface.own_declarations())

STATUS = ffi.typeof("enum talker_status").elements
"""Names of the statuses that the functions return, by number."""
LIMITS = ffi.typeof("enum talker_limit").relements
"""Numbers by their names in api.h."""
STATUS_TEXT = {
    "TALKER_NO_MEMORY": "not enough memory",
    "TALKER_TOO_MANY_PAIRS": "too many splats on screen at once (they cover too many tiles)",
    "TALKER_BAD_ARGUMENT": "an argument is out of range",
    "TALKER_NO_THREADS": "the system would not start another thread",
}


@dataclass(frozen=True)
class Library:
    """An opened library."""

    path: Path
    functions: Any
    """The functions of api.h and its constants, by name; cffi checks every argument's type."""


def load() -> Library | None:
    """The library, or None where none can be had; then the log says why, once.

    Looked for beside this package (shipped prebuilt), then in the user's cache; else built into the cache. Only a
    library of the present sources is opened, which its name tells, and only one that reports that it was built
    with the present api.h.
    """
    return find()[0]


def why_not() -> str:
    """Why there is no library; empty where there is one."""
    return find()[1]


def require() -> Any:
    """The library's functions, for callers that know that there is one. Raises RuntimeError where there is none."""
    library = load()
    if library is None:
        raise RuntimeError("the compiled library is not available")
    return library.functions


def open_at(path: Path) -> Library:
    """The library in the file `path`. Raises OSError if it does not load or was built with another api.h."""
    functions = ffi.dlopen(str(path))
    try:
        built_with = ffi.string(functions.talker_interface()).decode()
    except AttributeError:  # cffi's error for a missing function
        built_with = "none"
    if built_with != interface.fingerprint():
        ffi.dlclose(functions)  # else the system would keep returning this one for the path
        raise OSError(
            f"{path} was built with another interface ({built_with}; api.h is {interface.fingerprint()}): remove it, "
            "so that it is built anew"
        )
    return Library(path, functions)


def describe(library: Library) -> dict[str, str]:
    """What an opened library is: `path`, `origin` (prebuilt, or built on this machine), `instruction_set` in use."""
    return {
        "path": str(library.path),
        "origin": "prebuilt" if build.PREBUILT in library.path.parents else "built on this machine",
        "instruction_set": ffi.string(library.functions.talker_kernels_name()).decode(),
    }


def kernels_folder() -> Path:
    """This user's folder for libraries built on this machine."""
    return cache_folder() / "kernels"


def check(status: int) -> None:
    """Raise for a status other than TALKER_OK of a library call: MemoryError, or ValueError with the reason."""
    if status:
        name = STATUS.get(status, f"status {status}")
        text = STATUS_TEXT.get(name, name)
        raise MemoryError(text) if name == "TALKER_NO_MEMORY" else ValueError(text)


@functools.cache
def find() -> tuple[Library | None, str]:
    """The results of `load` and `why_not`, found once. Raises InputError where the variable names no folder."""
    target = build.platform_name()
    name = build.library_name(target)
    only = os.environ.get(FOLDER_VARIABLE)
    problems = []
    for folder in [named_folder(only, FOLDER_VARIABLE)] if only else [build.PREBUILT / target, kernels_folder()]:
        path = folder / name
        if not os.path.isfile(path):  # a pipe would be waited for
            continue
        try:
            return open_at(path), ""
        except OSError as error:
            problems.append(str(error) if str(path) in str(error) else f"{path}: {error}")
    try:
        if only:
            raise build.BuildError(f"{name} is not in {FOLDER_VARIABLE}={only}")
        compiler = build.find_compiler()
        log.warning("The compiled kernels are built for this machine: some minutes, once.")
        # A file that is there already did not open: it is replaced.
        return open_at(build.build(kernels_folder(), compiler=compiler, replace=True)), ""
    except (build.BuildError, OSError) as error:
        problems.append(str(error).splitlines()[0])
    reason = "; ".join(problems)
    log.warning("The compiled kernels are not available (%s); everything runs on the slow reference code.", reason)
    return None, reason
