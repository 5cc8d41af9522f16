"""A folder that takes another one's place: after a crash at any moment there is the one of before, or the new one.

The new folder is made beside, flushed, and then the two exchange their names in one step, where the system can
(Linux, macOS). Elsewhere the old one is set aside under another name for a moment; `restore_folder` gives it its name
back. Only then is the old one removed. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

from .files import flush_file, flush_folder

SET_ASIDE = ".set-aside"
"""Ending of the name of a folder whose place another one takes, until that is done."""

_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)
_HERE = -100  # AT_FDCWD
_LINUX_EXCHANGE, _MACOS_SWAP = 2, 2


def set_aside(target: Path) -> Path:
    """The name that `target` has while another folder takes its place."""
    return target.with_name(target.name + SET_ASIDE)


def publish_folder(made: Path, target: Path) -> None:
    """Give a finished folder its name; the one that has it now is removed afterwards.

    `made` lies beside `target`. Nothing may be set aside from before (`restore_folder`). Raises OSError: then `target`
    is what it was, or the new folder with the old one still to be removed.
    """
    aside = set_aside(target)
    flush_tree(made)
    if not target.exists():
        os.rename(made, target)
        flush_folder(target.parent)
        return
    if exchange(made, target):
        os.rename(made, aside)
    else:
        os.rename(target, aside)
        try:
            os.rename(made, target)
        except OSError:
            os.rename(aside, target)
            raise
    flush_folder(target.parent)
    remove_tree(aside)


def restore_folder(target: Path) -> bool:
    """Put right what a killed `publish_folder` left: give a folder back the name that no other one has yet, or remove
    the one that another one has replaced. Whether there was anything to do. Raises OSError.
    """
    aside = set_aside(target)
    if not aside.is_dir():
        return False
    if target.exists():
        remove_tree(aside)
    else:
        os.rename(aside, target)
        flush_folder(target.parent)
    return True


def remove_tree(folder: Path) -> None:
    """Remove a folder and all that is in it; what cannot be removed stays, for the next time."""
    shutil.rmtree(folder, ignore_errors=True)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under `folder`, 0 where there is none; a file that goes meanwhile counts as none. Blocks."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


def flush_tree(folder: Path) -> None:
    """Have the system write all files and names in a folder to the disk. Raises OSError."""
    for path, _, names in os.walk(folder, onerror=_raised):
        for name in names:
            flush_file(Path(path, name))
        flush_folder(Path(path))


def _raised(error: OSError) -> None:
    raise error


def exchange(first: Path, second: Path) -> bool:
    """Two names exchanged in one step; False where the system or the disk cannot. Raises OSError."""
    calls = {"linux": _exchange_on_linux, "darwin": _exchange_on_macos}
    if sys.platform not in calls:
        return False
    with contextlib.suppress(AttributeError):  # a C library that does not have it
        number = calls[sys.platform](os.fsencode(first), os.fsencode(second))
        if number and number not in _CANNOT:
            raise OSError(number, os.strerror(number), str(first))
        return number == 0
    return False


def _exchange_on_linux(first: bytes, second: bytes) -> int:
    """0, or the number of the error."""
    library = ctypes.CDLL(None, use_errno=True)
    done = library.renameat2(_HERE, first, _HERE, second, _LINUX_EXCHANGE)
    return 0 if done == 0 else ctypes.get_errno()


def _exchange_on_macos(first: bytes, second: bytes) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    done = library.renamex_np(first, second, _MACOS_SWAP)
    return 0 if done == 0 else ctypes.get_errno()
