"""Earlier takes of a line, kept when it is rendered anew: any of them can be the line's take again.

They lie in `NAME.versions/0001`, … beside the take, each a whole take. A version and the take share the files that are
alike (hard links): a render never changes a file, it puts another one in its place.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..shared import layout
from ..shared.errors import InputError

_UNSHARED = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES, errno.ENOSYS}
"""What a disk says that has no hard links."""


@dataclass(frozen=True)
class Version:
    """An earlier take of a line."""

    number: int
    """From 1, as they were kept."""
    folder: Path
    rendered_at: float
    """When its manifest was written, seconds since 1970."""
    subject: str
    """Id of who speaks in it."""


def place(take: Path) -> Path:
    """The folder of a take's versions."""
    return take.with_name(take.name + ".versions")


def listed(take: Path) -> list[Version]:
    """The versions of a take, newest first. Reads files."""
    found = []
    for folder in place(take).iterdir() if place(take).is_dir() else ():
        manifest = _manifest(folder)
        if folder.name.isdecimal() and manifest is not None:
            at = (folder / layout.MANIFEST_FILE).stat().st_mtime
            found.append(Version(int(folder.name), folder, at, str(manifest.get("subject"))))
    return sorted(found, key=lambda version: -version.number)


def make_room(take: Path, subject: Path, most: int, asked: dict | None, made_of: Sequence[Path]) -> None:
    """Before a line is rendered anew: keep its finished take as a version where it will be another one.

    subject: folder of who speaks now; a take of somebody else is set aside. asked: what the line is rendered from, as
    lines.asked has it, None where that is not noted; made_of: files that may have been written since. Raises OSError.
    """
    if not is_by(take, subject):
        set_aside(take)
    elif asked is not None and (_read(layout.beside(take, layout.BESIDE_ASKED)) != asked or _is_older(take, made_of)):
        keep(take, most)


def keep(take: Path, most: int) -> Version | None:
    """Keep a finished take as a version, beside the take itself; the oldest ones go, so that `most` are left. None
    where there is no finished take. Raises OSError."""
    if most <= 0 or not _is_finished(take):
        return None
    target = _next(take)
    half = target.with_name(f"{target.name}.partial")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    files = [path for path in sorted(take.iterdir()) if path.is_file() and not path.is_symlink()]
    for path in sorted(files, key=lambda path: path.name != layout.MANIFEST_FILE):
        _share(path, half / path.name)  # the manifest first: it says whose pictures these are, also after a kill
    _copy_asked(take, target)
    half.rename(target)
    for version in listed(take)[most:]:
        _remove(version.folder)
    return listed(take)[0]


def set_aside(take: Path) -> Version | None:
    """Make a version of a finished take and leave no take, where the line is to be spoken by somebody else. None where
    there is no finished take. Raises OSError."""
    if not _is_finished(take):
        return None
    target = _next(take)
    target.parent.mkdir(exist_ok=True)
    _copy_asked(take, target)
    take.rename(target)
    return listed(take)[0]


def bring_back(take: Path, number: int) -> None:
    """Make a version the line's take again; the present one becomes the newest version.

    Raises InputError where there is no such version, OSError.
    """
    chosen = next((version for version in listed(take) if version.number == number), None)
    if chosen is None:
        raise InputError(f"{take.name} has no version {number}.", "Choose another one.")
    if set_aside(take) is None and take.exists():
        raise InputError(f"{take} holds a take that is not finished.", "Render the line to its end first.")
    _copy_asked(chosen.folder, take)
    chosen.folder.rename(take)
    _remove(chosen.folder)


def is_by(take: Path, subject: Path) -> bool:
    """Whether a take is of this subject; also where nobody can say."""
    manifest, info = _manifest(take), _read(subject / layout.SUBJECT_FILE)
    if manifest is None or info is None:
        return True
    held, sha256 = manifest.get("subject"), info.get("source_sha256")
    return not isinstance(held, str) or not isinstance(sha256, str) or sha256.startswith(held)


def _is_older(take: Path, files: Sequence[Path]) -> bool:
    manifest = take / layout.MANIFEST_FILE
    return manifest.is_file() and any(
        path.is_file() and path.stat().st_mtime > manifest.stat().st_mtime for path in files
    )


def _is_finished(take: Path) -> bool:
    return (_manifest(take) or {}).get("complete") is True


def _next(take: Path) -> Path:
    numbers = (
        [int(path.name) for path in place(take).iterdir() if path.name.isdecimal()] if place(take).is_dir() else []
    )
    return place(take) / f"{max(numbers, default=0) + 1:04d}"


def _share(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in _UNSHARED:
            raise
        shutil.copy2(path, target)


def _copy_asked(take: Path, target: Path) -> None:
    """What a take was rendered from lies beside it."""
    asked, copy = layout.beside(take, layout.BESIDE_ASKED), layout.beside(target, layout.BESIDE_ASKED)
    if asked.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(asked, copy)
    else:
        copy.unlink(missing_ok=True)


def _remove(version: Path) -> None:
    shutil.rmtree(version, ignore_errors=True)
    layout.beside(version, layout.BESIDE_ASKED).unlink(missing_ok=True)


def _manifest(folder: Path) -> dict | None:
    return _read(folder / layout.MANIFEST_FILE)


def _read(path: Path) -> dict | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
