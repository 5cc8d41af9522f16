"""The marks of one file, whatever file it is: what they say, whether it is as it was written, and who signed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from backend.media import exr, mp4, png, riff, splats
from backend.provenance import credentials, marks
from shared.errors import InputError

_C2PA_BOX = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481")
"""The box of an .mp4 that holds a C2PA manifest (C2PA specification, "Embedding manifests into BMFF-based assets")."""


@dataclass
class Found:
    """What was found in a file, or in a take."""

    kind: str
    marks: dict[str, str]
    """By the names of Marks' fields; those that are missing are left out."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it should be, in sentences."""
    signed_by: str = ""
    """Name in the certificate; "" where nothing is signed."""
    certificate: str = ""
    """SHA-256 of the certificate, hexadecimal; "" where it is not known: C2PA's reader does not tell it."""
    is_trusted: bool = False
    """Whether a certificate that the caller trusts vouches for the name."""


@dataclass(frozen=True)
class _Kind:
    """A kind of file that can carry marks."""

    name: str
    ending: str
    read: Callable[[Path], dict[str, str]]
    is_whole: Callable[[Path], bool]
    has_credentials: Callable[[Path], bool]


def movie_marks(path: Path) -> dict[str, str]:
    """The marks of a movie; nothing for any other file. Raises OSError."""
    texts = mp4.read_texts(path)
    return marks.of_json(texts.get("description") or texts.get("comment", ""))


def _of_sound(path: Path) -> dict[str, str]:
    return marks.of_json(riff.read_info(path).get("ISBJ", ""))


def _of_spz(path: Path) -> dict[str, str]:
    try:
        told = json.loads(splats.spz_comment(path))
    except ValueError:
        return {}
    return marks.of_texts(told) if isinstance(told, dict) else {}


_EXR = _Kind(
    "OpenEXR frame", ".exr", lambda path: marks.of_texts(exr.read_attributes(path)), exr.is_whole, lambda path: False
)
_PNG = _Kind(
    "PNG picture", ".png", lambda path: marks.of_texts(png.read_text(path)), png.is_whole,
    lambda path: png.has_chunk(path, b"caBX"),
)  # fmt: skip
_MP4 = _Kind("movie", ".mp4", movie_marks, mp4.is_whole, lambda path: mp4.has_uuid_box(path, _C2PA_BOX))
_MOV = replace(_MP4, ending=".mov")
_PLY = _Kind(
    "Gaussians (PLY)", ".ply", lambda path: marks.of_texts(splats.ply_text(path)), splats.is_whole_ply,
    lambda path: False,
)  # fmt: skip
_SPZ = _Kind("Gaussians (SPZ)", ".spz", _of_spz, splats.is_whole_spz, lambda path: False)
_WAV = _Kind("sound", ".wav", _of_sound, riff.is_whole, lambda path: riff.has_chunk(path, b"C2PA"))


def read_file(path: Path, trusted_pem: str = "") -> Found:
    """What one file says of itself, and whether that holds.

    trusted_pem: certificates whose signatures are known. Raises InputError for a file of another kind, and where a
    signature cannot be checked because the package is not installed. Raises OSError.
    """
    kind = _kind_of(path)
    found = Found(kind.name, kind.read(path))
    if not kind.is_whole(path):
        found.wrong.append("It is cut off, damaged, or was changed by another program.")
    if kind.has_credentials(path):
        _check_credentials(path, kind.ending, trusted_pem, found)
    elif found.marks.get("signed_by"):
        found.wrong.append("It says that it was signed, and its signature is gone.")
    return found


def _check_credentials(path: Path, ending: str, trusted_pem: str, found: Found) -> None:
    checked = credentials.check(path, ending, trusted_pem)
    if checked is None:
        found.wrong.append("It has a place for a signature, and none in it.")
        return
    found.signed_by, found.is_trusted = checked.signed_by, checked.is_trusted
    if not checked.is_whole:
        found.wrong.append(f"It was changed after it was signed ({', '.join(checked.wrong) or 'the signature fails'}).")
    elif marks.of_values(checked.marks) != found.marks:
        found.wrong.append("Its text says other things than its signature.")


def _kind_of(path: Path) -> _Kind:
    """By a file's first bytes: a name can be changed."""
    with open(path, "rb") as file:
        head = file.read(12)
    if not head:
        raise InputError(f"{path} is empty.", "Get the file again.")
    if head[:4] == b"\x76\x2f\x31\x01":
        return _EXR
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return _PNG
    if head[4:8] == b"ftyp":
        return _MOV if head[8:] == b"qt  " else _MP4
    if head[:4] == b"ply\n":
        return _PLY
    if head[:4] == b"\x1f\x8b\x08\x10":
        return _SPZ
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _WAV
    raise InputError(
        f"{path} is of no kind that carries marks.",
        "Name an EXR, MP4, MOV, PNG, WAV, PLY or SPZ file, or a take's folder.",
    )
