"""Writing files for both sides: complete or not at all, and the system's errors in words.

A file is written under a temporary name beside its own, flushed to the disk, renamed, and its folder flushed: after a
crash or a power cut there is the file of before or the new one. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import InputError, InternalError, TalkerError

PARTIAL = ".partial"
"""Ending of a temporary name. What a killed process left behind under such a name may be deleted."""

_count = itertools.count(int.from_bytes(os.urandom(6), "big"))
"""From a number of chance on: processes of two machines on one network disk may have the same id."""
_LEFT = re.compile(rf"{re.escape(PARTIAL)}(\.\w+)?$|^\.tmp\w{{6}}$")
"""Names of half-written files: ours, and those of the library that writes weights (safetensors)."""
_TEMPORARY = re.compile(rf"(\.\d+\.\d+{re.escape(PARTIAL)}(\.\w+)?)+$")
"""What `temporary_beside` adds to a name, also to that of a temporary file; messages speak of the file itself."""


@contextlib.contextmanager
def replacing(path: Path, *, ending: str = "", durable: bool = True, mode: int | None = None) -> Iterator[Path]:
    """A path to write a file to, which then becomes `path`; when the body raises, nothing is left of it.

    ending: what the temporary name must end in, for libraries that go by it (".wav"). durable: flush file and folder;
    False for files that are made again from others (frames, caches). mode: permissions the file has from its first
    byte on, 0o600 for secrets. The body's own errors, and OSError when flushing or renaming fails, are raised.
    """
    temporary = temporary_beside(path, ending)
    try:
        if mode is not None:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
        publish(temporary, path, durable=durable)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def temporary_beside(path: Path, ending: str = "") -> Path:
    """A name beside `path` that no other file of this or another process has."""
    return path.with_name(f"{path.name}.{os.getpid()}.{next(_count)}{PARTIAL}{ending}")


def publish(temporary: Path, path: Path, *, durable: bool = True) -> None:
    """Give a finished file its name, in the place of what has it now. Raises OSError."""
    if durable:
        flush_file(temporary)
    if path.is_dir():  # the system's own error would name the temporary file
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    os.replace(temporary, path)
    if durable:
        flush_folder(path.parent)


def write_bytes(path: Path, data: bytes, *, durable: bool = True, mode: int | None = None) -> None:
    """Write a file as `replacing` does. Raises OSError."""
    with replacing(path, durable=durable, mode=mode) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, *, durable: bool = True, mode: int | None = None) -> None:
    """Write a text file in UTF-8 with the newlines that the text has. Raises OSError."""
    write_bytes(path, text.encode("utf-8"), durable=durable, mode=mode)


def write_json(path: Path, values: Any, *, durable: bool = True, mode: int | None = None) -> None:
    """Write plain values as indented JSON. Raises OSError, and TypeError for what JSON does not know."""
    write_text(path, json_text(values), durable=durable, mode=mode)


def json_text(values: Any) -> str:
    """Plain values as the text of an indented JSON file. Raises TypeError for what JSON does not know."""
    return json.dumps(values, indent=2) + "\n"


LONGEST_TEXT = 1 << 29
"""Bytes of the largest text file that is read: the curves of a line of several hours."""


def require_file(path: str | os.PathLike, do: str) -> None:
    """Raises InputError, which tells to `do` something, for what is no file: nothing there, a folder, a pipe, a device.

    Reading a pipe waits for ever, reading a device may never end.
    """
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:  # a zero byte in the name
        raise InputError(f"{str(path)!r} is no path.", "Check the path.") from error
    except OSError as error:
        raise explained(error, path) from error
    if stat.S_ISDIR(kind):
        raise InputError(f"{path} is a folder, not a file.", do)
    if not stat.S_ISREG(kind):
        raise InputError(f"{path} is a pipe or a device, not a file.", do)


def read_text_file(path: str | os.PathLike, do: str) -> str:
    """The text of a file in UTF-8. Raises InputError as `require_file`, and for one that is too long or is no text."""
    require_file(path, do)
    try:
        if os.stat(path).st_size > LONGEST_TEXT:
            raise InputError(f"{path} is larger than {LONGEST_TEXT >> 20} MB.", do)
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise explained(error, path) from error
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}).", do) from error


def read_json_object(path: Path, do: str) -> dict[str, Any]:
    """What a file of JSON holds, an object. Raises InputError, which tells to `do` something, for any other file."""
    try:
        values = json.loads(read_text_file(path, do))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}).", do) from error
    if not isinstance(values, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object.", do)
    return values


def remove_leftovers(folder: Path, of: str = "") -> str:
    """Remove the half-written files that a killed run left in a folder; what they were, in words, or "".

    of: those of one file alone. For who holds the folder, or that file: then nobody writes there. Raises OSError.
    """
    told = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if is_leftover(path) and path.name.startswith(of):
            told.append(f"{_TEMPORARY.sub('', path.name)} ({path.lstat().st_size / 1e6:.1f} MB)")
            path.unlink()
    return f"Removed from {folder}, half-written by a run that was killed: {', '.join(told)}." if told else ""


def leftovers_of(path: Path) -> list[Path]:
    """What killed runs left half-written of one file in a folder that holds other people's files as well: only what has
    the very name that `temporary_beside` gives. Raises OSError."""
    beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return [found for found in beside if intended_name(found) == path.name and found.is_file()]


def intended_name(path: Path) -> str | None:
    """The name that a half-written file was to get; None for a file that is none."""
    name = _TEMPORARY.sub("", path.name)
    return None if name == path.name else name


def remove_leftovers_of(path: Path) -> str:
    """Remove those; what they were, in words, or "". For who holds that file. Raises OSError."""
    sizes = []
    for left in leftovers_of(path):
        sizes.append(f"{left.lstat().st_size / 1e6:.1f} MB")
        left.unlink()
    held = f"parts of {path.name} ({', '.join(sizes)})"
    return f"Removed from {path.parent}, half-written by a run that was killed: {held}." if sizes else ""


def is_leftover(path: Path) -> bool:
    """Whether a file has the name of one that was half-written when its process was killed, or is being written."""
    return bool(_LEFT.search(path.name)) and not path.is_dir()


def flush_file(path: Path) -> None:
    """Have the system write a file to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what may be written to
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Have the system write a folder's names to the disk; where a system cannot, do nothing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such call
            raise
    finally:
        os.close(descriptor)


def make_writable(folder: Path) -> None:
    """Make a folder that can be written to. Raises InputError, in words, where that cannot be."""
    with explaining(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises InputError if it cannot be read."""
    require_file(path, "Check the path.")
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise explained(error, path) from error


_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("{} may not be opened or written by you.", "Check its permissions, or choose another place."),
    errno.EPERM: ("{} may not be changed by you.", "Check its permissions, or choose another place."),
    errno.EROFS: ("{} lies on a disk that can only be read.", "Choose another place."),
    errno.ENOENT: ("There is no {}.", "Check the path."),
    errno.ENOTDIR: ("A part of the path {} is a file, not a folder.", "Check the path."),
    errno.EISDIR: ("{} is a folder, not a file.", "Check the path."),
    errno.EEXIST: ("{} is there already, and is no folder.", "Delete it, or choose another place."),
    errno.ENOTEMPTY: ("{} holds other files.", "Empty it, or choose another place."),
    errno.ENAMETOOLONG: ("The name {} is too long for this disk.", "Choose a shorter one."),
    errno.EFBIG: ("{} grows too large for this disk.", "Choose another disk."),
    errno.EIO: ("The disk reports an error at {}.", "Check the disk; choose another place meanwhile."),
    errno.ESTALE: ("{} lies on a network disk that has gone.", "Connect it again, then run it again."),
    errno.EMFILE: ("Too many files are open to open {} as well.", "Raise the limit of open files, or close programs."),
    errno.ENFILE: ("Too many files are open to open {} as well.", "Raise the limit of open files, or close programs."),
}


def explained(error: OSError, place: str | os.PathLike | None = None) -> TalkerError:
    """An error of the system as one of ours, in words: the one rule for command, job and set-up.

    place: the file or folder being worked on, for errors that name none (a full disk never does). What the caller can
    mend (a full disk, permissions, a path, a lost disk, the network) becomes an InputError, exit status 2. An OSError
    without a number does not come from the system and becomes an InternalError.
    """
    name = _TEMPORARY.sub("", str(error.filename or place or "a file"))
    if error.errno in _FULL:
        return InputError(f"The disk of {place or name} is full.", "Make room and run it again: it goes on from there.")
    if error.errno in _WORDS:
        what, do = _WORDS[error.errno]
        return InputError(_capital(what.format(name)), do)
    if error.errno is not None:
        return InputError(f"The system says about {name}: {error.strerror or error}.", "Mend that, then run it again.")
    return InternalError(f"{type(error).__name__}: {error}.", "Please report it.")


_OUT_OF_MEMORY = re.compile(
    r"not enough memory|can't allocate memory|bad_alloc|Insufficient memory|out of memory", re.I
)


def out_of_memory(error: BaseException) -> InputError | None:
    """An error of Python or a library that says that there is no memory left, as one of ours; None for any other."""
    is_so = isinstance(error, Exception) and bool(_OUT_OF_MEMORY.search(str(error)))
    reason: BaseException | None = error
    while reason is not None and not is_so:  # what was raised while that was cleared up says nothing of it
        is_so = isinstance(reason, MemoryError)
        reason = reason.__cause__ or reason.__context__
    if not is_so:
        return None
    return InputError("There is not enough memory.", "Close other programs, or ask for less at a time: a smaller size.")


def _capital(text: str) -> str:
    return text if text.startswith(("/", "\\")) else text[:1].upper() + text[1:]


@contextlib.contextmanager
def explaining(place: str | os.PathLike) -> Iterator[None]:
    """Raises an OSError of the body, in words that name `place` where the error names no file."""
    try:
        yield
    except OSError as error:
        raise explained(error, place) from error
