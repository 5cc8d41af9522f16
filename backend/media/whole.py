"""Whether files that lie on the disk are whole, without decoding what is in them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from backend.media import png
from shared.layout import frame_name

DAMAGED_ARCHIVE = (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged .npz may raise."""


def damaged_part(path: Path) -> Path | None:
    """The file that is missing or damaged: `path` itself, or a picture of the folder `path`; None where all is whole.

    A folder holds pictures numbered from 1 without a hole. Files: .png, .npz, .json, .wav.
    """
    if path.suffix:
        return None if path.is_file() and _IS_WHOLE[path.suffix](path) else path
    pictures = sorted(path.glob("*.png")) if path.is_dir() else []
    if not pictures:
        return path
    for number, picture in enumerate(pictures, start=1):
        expected = path / frame_name(number)
        if picture != expected or damaged_part(picture) is not None:
            return expected
    return None


def _is_whole_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and bool(archive.namelist())
    except DAMAGED_ARCHIVE:
        return False


def _is_whole_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _is_whole_sound(path: Path) -> bool:
    """Whether a WAV is as long as its header says (RIFF: the length of what follows the first eight bytes)."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
        return head[:4] == b"RIFF" and path.stat().st_size == 8 + int.from_bytes(head[4:8], "little")
    except OSError:
        return False


_IS_WHOLE: dict[str, Callable[[Path], bool]] = {
    ".png": png.is_whole,
    ".npz": _is_whole_archive,
    ".json": _is_whole_json,
    ".wav": _is_whole_sound,
}
