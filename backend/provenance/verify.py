"""`talker verify`: what marks a file or a take carries, and whether they are whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.media import exr
from backend.provenance import marks
from backend.provenance.identity import read_chain
from backend.provenance.marks import REQUIRED
from backend.provenance.reading import Found, read_file
from backend.provenance.signature import read_signature, take_files
from shared import layout
from shared.errors import InputError
from shared.files import explaining, file_sha256, read_json_object, read_text_file, require_file
from shared.jobs import Reporter
from shared.pending import PUBLISHING_FOLDER, UNFINISHED_FOLDER
from shared.timing import parse_fps, parse_timecode

_RENDER_AGAIN = "Render the line again, or get the file from who made it."
_SHOWN = 3
"""So many of the files that are wrong in the same way are named."""
_PARTS = (layout.CAMERA_FILE, layout.PERFORMANCE_FILE, layout.AUDIO_FILE)
"""What every take has beside manifest and frames."""
_GONE = "It is gone."
_WORKING_FOLDERS = (UNFINISHED_FOLDER, PUBLISHING_FOLDER, layout.CHUNKS_FOLDER)
_FILE_MANAGERS = re.compile(r"\.DS_Store|\._.*|\.directory|Thumbs\.db|desktop\.ini", re.I | re.DOTALL)
_SAME_IN_ALL = ("subject", "take", "consent", "program", "statement")


def verify(path: Path, trust: Path | None, report: Reporter) -> dict[str, Any]:
    """What a file or a take's folder says of itself.

    trust: a file of certificates (PEM) whose signatures are known; then one of them has to vouch for who signed. Raises
    InputError where marks are missing, where what is marked was changed, where nobody that is trusted signed it, and
    for what is neither a file with marks nor a take.
    """
    trusted_pem = ""
    if trust is not None:
        trusted_pem = read_text_file(trust, "Name a file of certificates in PEM.")
        read_chain(trusted_pem.encode(), str(trust))
    with explaining(path):
        if path.is_dir():
            found = _of_take(path, trusted_pem, report)
        else:
            require_file(path, "Name an EXR, MP4, MOV, PNG, WAV, PLY or SPZ file, or a take's folder.")
            found = read_file(path, trusted_pem)
    _require_marks(path, found)
    if trust is not None and not found.is_trusted:
        signed = f"signed by {found.signed_by}" if found.signed_by else "not signed"
        raise InputError(f"{path} is {signed}; no certificate in {trust} vouches for it.", _RENDER_AGAIN)
    return {
        "file": str(path),
        "kind": found.kind,
        "synthetic": True,
        **{name: found.marks[name] for name in REQUIRED},
        "signature": "holds" if found.signed_by else "none",
        "signed_by": found.signed_by or None,
        "certificate": found.certificate or None,
        "trusted": found.is_trusted,
        "notice": _notice(found),
    }


def _require_marks(path: Path, found: Found) -> None:
    missing = [name for name in REQUIRED if name not in found.marks]
    if len(missing) == len(REQUIRED):
        told = " ".join([f"{path} carries no marks.", *found.wrong])
        raise InputError(told, "It is not from here, or another program has taken them out. " + _RENDER_AGAIN)
    if missing:
        words = f"{path} is marked by {found.marks.get('program', 'some program')}, but lacks: {', '.join(missing)}."
        raise InputError(" ".join([words, *found.wrong]), f"An older version wrote it so. {_RENDER_AGAIN}")
    if found.marks["statement"] != marks.STATEMENT or found.marks["program"] != marks.PROGRAM:
        found.wrong.append("The statement in it is not the program's own.")
    if found.wrong:
        told = ", ".join(f"{name} {found.marks[name]}" for name in ("subject", "take", "consent"))
        raise InputError(f"{path} is not whole. {' '.join(found.wrong)} It says: {told}.", _RENDER_AGAIN)


def _notice(found: Found) -> str:
    if not found.signed_by:
        return "It is not signed: whoever can write the file can change its marks."
    if not found.is_trusted:
        return (
            f"The signature holds, but nobody that you named vouches for {found.signed_by}: anybody can sign under any "
            "name. Name the certificates that you trust with --trust."
        )
    return f"Signed by {found.signed_by}, for whom a certificate that you trust vouches."


def _of_take(folder: Path, trusted_pem: str, report: Reporter) -> Found:
    """A take: its manifest's marks, the same in all of its files, and its signature."""
    path = folder / layout.MANIFEST_FILE
    if not os.path.lexists(path):
        raise InputError(f"{folder} is no take (no {layout.MANIFEST_FILE}).", "Name a take's folder, or a file.")
    manifest = read_json_object(path, _RENDER_AGAIN)
    found = Found("take", marks.of_values({**manifest, "take": manifest.get("take_id")}))
    if manifest.get("complete") is not True:
        found.wrong.append("Its render was not finished.")
    files = take_files(folder)
    hashes = _check_signature(folder, files, manifest, trusted_pem, found)
    said: dict[str, list[str]] = {}
    marked = {name: file for name, file in files.items() if not name.endswith(".json")}
    report.phase("verify", len(marked))
    for name, file in marked.items():
        for sentence in _wrong_in(name, file, found, trusted_pem, is_hashed=name in hashes):
            said.setdefault(sentence, []).append(name)
        report.step()
    _check_parts(files, said)
    _check_frames(manifest, files, hashes, said)
    movie = manifest.get("preview")
    if isinstance(movie, dict) and layout.PREVIEW_FILE not in files:
        said.setdefault(_GONE, []).append(layout.PREVIEW_FILE)
    elif isinstance(movie, dict) and layout.PREVIEW_FILE not in hashes and files[layout.PREVIEW_FILE].is_file():
        if file_sha256(files[layout.PREVIEW_FILE]) != movie.get("sha256"):
            said.setdefault("It is not the movie of this manifest.", []).append(layout.PREVIEW_FILE)
    found.wrong += [f"{_some(names)}: {sentence}" for sentence, names in said.items()]
    return found


def _wrong_in(name: str, file: Path, take: Found, trusted_pem: str, *, is_hashed: bool) -> list[str]:
    """What is wrong with a file of a take; is_hashed: its bytes are already known to be those that were signed."""
    try:
        require_file(file, _RENDER_AGAIN)
        one = read_file(file, "" if is_hashed else trusted_pem)
    except InputError as error:
        return [error.what.removeprefix(f"{file} ")]
    wrong = list(one.wrong)
    missing = [mark for mark in REQUIRED if mark not in one.marks]
    if missing:
        wrong.append(
            f"It lacks the marks {', '.join(missing)}." if len(missing) < len(REQUIRED) else "It has no marks."
        )
    elif any(one.marks[mark] != take.marks.get(mark) for mark in _SAME_IN_ALL):
        wrong.append("Its marks are not those of the manifest.")
    return wrong


def _check_signature(
    folder: Path, files: dict[str, Path], manifest: dict, trusted_pem: str, found: Found
) -> dict[str, str]:
    """Compare the take with its signature; names and hashes of the files that are as they were signed."""
    try:
        signature = read_signature(folder, trusted_pem)
    except InputError as error:
        if error.__cause__ is not None and isinstance(error.__cause__, ImportError):
            raise
        found.wrong.append(error.what)
        return {}
    if signature is None:
        if manifest.get("signed_by") is not None:
            found.wrong.append(f"It was signed, and {layout.SIGNATURE_FILE} is gone.")
        return {}
    found.signed_by, found.certificate = signature.signed_by, signature.fingerprint
    found.is_trusted = signature.is_trusted
    same = {name: told for name, told in signature.files.items() if name in files and file_sha256(files[name]) == told}
    gone = sorted(set(signature.files) - set(files))
    changed = sorted(set(signature.files) & set(files) - set(same))
    added = sorted(name for name in _all_in(folder) if name not in signature.files)
    for names, words in ((gone, "gone"), (changed, "changed"), (added, "added")):
        if names:
            found.wrong.append(f"Since it was signed, {_some(names)} {'was' if len(names) == 1 else 'were'} {words}.")
    if any(signature.marks.get(mark) != found.marks.get(mark) for mark in _SAME_IN_ALL):
        found.wrong.append("The manifest says other things than the signature.")
    return same


def _all_in(folder: Path) -> set[str]:
    """Names of all in a take's folder but its signature, what renders work in, and what file managers leave."""
    names = {path.name for path in folder.iterdir() if not path.is_dir() or path.name not in _WORKING_FOLDERS}
    return {name for name in names - {layout.SIGNATURE_FILE} if not _FILE_MANAGERS.fullmatch(name)}


def _check_parts(files: dict[str, Path], said: dict[str, list[str]]) -> None:
    """Whether what every take has beside its frames is there and can be read."""
    for name in _PARTS:
        if name not in files:
            said.setdefault(_GONE, []).append(name)
        elif name.endswith(".json"):
            try:
                read_json_object(files[name], _RENDER_AGAIN)
            except InputError as error:
                said.setdefault(error.what.removeprefix(f"{files[name]} "), []).append(name)


def _check_frames(manifest: dict, files: dict[str, Path], hashes: dict[str, str], said: dict[str, list[str]]) -> None:
    """Whether all frames that the manifest tells of are there, each in its own place."""
    frames: Any = manifest.get("frames")
    try:
        first, last, layers = int(frames["first"]), int(frames["last"]), frames["layers"]
        if layers not in ("exr", "png", "mp4") or not 0 < first <= last:
            raise ValueError(layers)
    except (TypeError, KeyError, ValueError, OverflowError):
        said.setdefault("It does not say which frames there are.", []).append(layout.MANIFEST_FILE)
        return
    name_of: dict[str, Callable[[int], str]] = {
        "exr": lambda frame: layout.EXR_NAME.format(frame=frame),
        "png": lambda frame: layout.PNG_NAME.format(frame=frame),
    }
    if layers not in name_of:
        return
    there = sum(name.startswith("head.") for name in files)
    if last - first >= there or any(name_of[layers](frame) not in files for frame in range(first, last + 1)):
        said.setdefault("It tells of frames that are gone.", []).append(layout.MANIFEST_FILE)
    elif layers == "exr":
        _check_places({name_of["exr"](frame): frame for frame in range(first, last + 1)}, frames, files, hashes, said)


def _check_places(
    numbers: dict[str, int], frames: dict, files: dict[str, Path], hashes: dict[str, str], said: dict[str, list[str]]
) -> None:
    """Whether frames say the time that their names say; numbers: by name."""
    try:
        fps = parse_fps(frames["fps"])
        start = parse_timecode(frames.get("timecode", "00:00:00:00"), fps)
    except (TypeError, KeyError, ValueError, OverflowError):
        said.setdefault("It does not say how many frames a second there are.", []).append(layout.MANIFEST_FILE)
        return
    for name, number in numbers.items():
        if name not in hashes and exr.tells_other_frame(files[name], exr.FrameTime(number, fps, start)):
            said.setdefault("It is another frame.", []).append(name)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
