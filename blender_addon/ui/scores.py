"""What a trained head scored when it was evaluated last, in a few words. Reads files: for threads of ui.scanning."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path

from ..shared import layout

_SHOWN = (("head", "synthesised/psnr_head"), ("mouth", "synthesised/psnr_mouth"))
"""What of a picture, and the row of scores.npz with its PSNR, dB, a frame each."""
_GRADES = (
    ((33.0, 29.0), "very close to the footage"),
    ((30.0, 26.0), "close to the footage"),
    ((27.0, 23.0), "soft in places"),
    ((float("-inf"), float("-inf")), "far from the footage: a longer, sharper or better lit clip helps"),
)
"""Least PSNR of head and mouth, dB, to what an artist will see. This project's own clips reach 30 to 33 dB at the head
and 25 to 29 at the mouth (docs/benchmarks.md)."""
_MAGIC = b"\x93NUMPY"


def in_words(model: Path) -> str:
    """ "close to the footage (head 31.6 dB, mouth 27.1 dB)"; "" for a model that was never scored, or whose scores
    cannot be read."""
    path = model / layout.EVALUATION_FOLDER / layout.SCORES_FILE
    if not path.is_file():
        return ""
    try:
        with zipfile.ZipFile(path) as rows:
            there = set(rows.namelist())
            found = [(name, _values(rows.read(f"{row}.npy"))) for name, row in _SHOWN if f"{row}.npy" in there]
    except (OSError, ValueError, EOFError, struct.error, zipfile.BadZipFile):
        return ""
    known = [(name, [value for value in values if math.isfinite(value)]) for name, values in found]
    means = {name: sum(values) / len(values) for name, values in known if values}
    if not means:
        return ""
    numbers = ", ".join(f"{name} {value:.1f} dB" for name, value in means.items())
    grade = next(words for least, words in _GRADES if reaches(means, least))
    return f"{grade} ({numbers})"


def reaches(means: dict[str, float], least: tuple[float, float]) -> bool:
    """Whether what was scored of head and mouth is not below `least`."""
    return all(means.get(name, math.inf) >= value for (name, _), value in zip(_SHOWN, least, strict=True))


def _values(data: bytes) -> tuple[float, ...]:
    """The numbers of a file in numpy's own format, which the add-on does without. Raises ValueError for other ones."""
    if not data.startswith(_MAGIC):
        raise ValueError("not an array")
    length_size = 2 if data[len(_MAGIC)] == 1 else 4
    start = len(_MAGIC) + 2
    begin = start + length_size + int.from_bytes(data[start : start + length_size], "little")
    if b"'descr': '<f8'" not in data[start:begin]:
        raise ValueError("not of double precision")
    body = data[begin:]
    return struct.unpack(f"<{len(body) // 8}d", body[: len(body) // 8 * 8])
