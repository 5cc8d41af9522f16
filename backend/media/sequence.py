"""Footage that is numbered pictures: a folder of them, a pattern such as shot.####.exr, or the first one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from backend.media.container import opened
from shared.errors import InputError
from shared.files import file_sha256
from shared.timing import parse_fps

PICTURES = (".png", ".tif", ".tiff", ".dpx", ".exr", ".jpg", ".jpeg", ".bmp", ".webp")
"""What the pictures of a sequence may be, by the ends of their names."""
SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".mp3", ".m4a", ".aac", ".ogg", ".opus")
"""What sound may lie beside them."""
USUAL_FPS = Fraction(25)
"""Pictures a second where nobody says."""
_NUMBERED = re.compile(r"(.*?)(\d+)$", re.DOTALL)
_PLACE = re.compile(r"#+|%0?\d*d")
_MOST_DIGITS = 18
_LONGER_AT_MOST = 10
"""A clip has at most so many times the pictures that are there: the others are taken for missing."""
_SHOWN_CURVE = {"apply_trc": "iec61966_2_1"}
"""OpenEXR holds scene-linear light: FFmpeg's decoder gives it the curve of shown pictures, and cuts it off at one."""


@dataclass(frozen=True)
class Sequence:
    """Numbered pictures that make a clip."""

    name: str
    """What to call it."""
    pictures: dict[int, Path]
    """By number, ascending; some may be missing."""

    @property
    def length(self) -> int:
        """Pictures from the first to the last number."""
        return max(self.pictures) - min(self.pictures) + 1

    @property
    def sounds(self) -> list[Path]:
        """Sound files in the pictures' folder, else those beside it that bear its name."""
        folder = next(iter(self.pictures.values())).parent
        inside = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SOUNDS]
        beside = [path for path in sorted(folder.parent.iterdir()) if path.suffix.lower() in SOUNDS]
        return inside or [path for path in beside if path.stem == folder.name]

    def frames(self, fps: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
        """(seconds, frame) of every picture that can be decoded, counted from the first number."""
        first = min(self.pictures)
        for number, path in self.pictures.items():
            frame = _decoded(path)
            if frame is not None:
                yield (number - first) / fps, frame

    def sha256(self) -> str:
        """Hash of all pictures with their numbers. Raises InputError if one cannot be read."""
        parts = [f"{number} {file_sha256(path)}" for number, path in self.pictures.items()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sequence_of(path: Path) -> Sequence | None:
    """The sequence that a path names; None where it names something else.

    Raises InputError for a folder without numbered pictures, or with those of several clips.
    """
    if path.is_dir():
        found = _series(path)
        if not found:
            raise InputError(
                f"{path} holds no numbered pictures.", "Give a video file, or a folder of pictures such as 0001.png."
            )
        if len(found) > 1:
            names = ", ".join(f"{before}####{after}" for before, after in sorted(found)[:4])
            raise InputError(
                f"{path} holds the pictures of {len(found)} clips ({names}).", "Give one of these patterns as footage."
            )
        return Sequence(path.name, _one_of_each(path, *next(iter(found.items()))))
    if path.suffix.lower() not in PICTURES or not path.parent.is_dir():
        return None
    place = next(iter(reversed([*_PLACE.finditer(path.name)])), None)
    if place is not None and not path.exists():
        key = path.name[: place.start()], path.name[place.end() :]
    elif path.is_file() and (numbered := _NUMBERED.match(path.stem)):
        key = numbered[1], path.suffix
    else:
        return None
    named = _series(path.parent).get(key)
    if named is None or (place is None and len(named) < 2):
        return None
    return Sequence(path.name, _one_of_each(path.parent, key, named))


def asked_rate(path: Path, fps: str | None) -> Fraction | None:
    """The rate that the user gives for numbered pictures. Raises InputError where it is none, or `path` is a video."""
    if not fps:
        return None
    if sequence_of(path) is None:
        raise InputError(f"{path.name} has its own frame rate.", "Leave --fps out: it is for numbered pictures.")
    try:
        return parse_fps(fps)
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}.", "Correct --fps.") from error


def footage_sha256(path: Path) -> str:
    """Hash of a clip: of the file, or of all pictures of a sequence. Raises InputError if it cannot be read."""
    sequence = sequence_of(path)
    return file_sha256(path) if sequence is None else sequence.sha256()


def _decoded(path: Path) -> av.VideoFrame | None:
    """A picture file; None where it cannot be decoded."""
    try:
        with opened(path) as container:
            stream = container.streams.video[0]
            if stream.codec_context.name == "exr":
                stream.codec_context.options = _SHOWN_CURVE
            return next(container.decode(stream))
    except (av.error.FFmpegError, OSError, ValueError, IndexError, StopIteration):
        return None


def _series(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Numbered pictures of a folder, by (name before the number, after it)."""
    series: dict[tuple[str, str], list[Path]] = {}
    for path in folder.iterdir():
        numbered = _NUMBERED.match(path.stem)
        if path.suffix.lower() in PICTURES and numbered and not path.name.startswith("."):
            series.setdefault((numbered[1], path.suffix), []).append(path)
    return series


def _one_of_each(folder: Path, key: tuple[str, str], found: list[Path]) -> dict[int, Path]:
    """The pictures of a clip by number. Raises InputError where two have the same number, and where nearly all are
    missing."""
    called = f"{folder / key[0]}####{key[1]}"
    pictures: dict[int, Path] = {}
    for path in sorted(found):
        digits = path.stem[len(key[0]) :]
        if len(digits) > _MOST_DIGITS:
            raise InputError(f"The number of {path} has {len(digits)} digits.", "Number the pictures anew.")
        other = pictures.setdefault(int(digits), path)
        if other is not path:
            raise InputError(
                f"{other.name} and {path.name} in {folder} have the same number.",
                "Keep one of them, or name them apart.",
            )
    length = max(pictures) - min(pictures) + 1
    if length > _LONGER_AT_MOST * len(pictures):
        raise InputError(
            f"{called} has {len(pictures)} pictures with numbers over {length}: nearly all are missing.",
            "Take out those that do not belong to the clip, or number them anew.",
        )
    return dict(sorted(pictures.items()))
