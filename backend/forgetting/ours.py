"""What in a person's folders is of this program's making. All else stays, footage above all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from backend.provenance.signature import take_files
from shared import layout
from shared.claims import CLAIM
from shared.files import PARTIAL
from shared.pending import PUBLISHING_FOLDER, REMOVED_FILE, UNFINISHED_FOLDER

_LEFT = re.compile(rf"{re.escape(PARTIAL)}(\.\w+)?$|^\.tmp\w{{6}}$|{re.escape(CLAIM)}$")
_SUBJECT_FILES = {
    layout.CONSENT_FILE,
    layout.BACKGROUND_FILE,
    layout.TRACK_FILE,
    layout.AUDIO_FILE,
    layout.AUDIO_FEATURES_FILE,
    layout.CONTACT_SHEET_FILE,
    layout.STAGES_FILE,
}
_SUBJECT_FOLDERS = (layout.FRAMES_FOLDER, layout.REGIONS_FOLDER, layout.MODELS_FOLDER, layout.CACHE_FOLDER)
_SUFFIXES = {".png", ".json", ".npy", ".npz", ".safetensors"}
"""Of what the program writes into those folders; and `sound.wav`."""
_INNER_SOUND = "sound.wav"
_RUN_FILES = (layout.CONTACT_SHEET_FILE, layout.REPORT_FILE)
_COMPANIONS = (".line.wav", ".poses.json", ".performance.json")
"""What the add-on writes beside a take."""


@dataclass
class Sorted:
    """Files of a folder and of those in it."""

    ours: list[Path] = field(default_factory=list)
    """What goes, links among them: what they lead to stays. Files that say whose folder it is come last."""
    folders: list[Path] = field(default_factory=list)
    """Folders that go once they are empty, inner ones first."""
    others: list[Path] = field(default_factory=list)
    """What is not of our making, and stays."""


def sort_subject(root: Path) -> Sorted:
    """A subject's folder, finished or not. Raises OSError."""
    found = Sorted()
    for path in sorted(root.iterdir()):
        if path.name in _SUBJECT_FOLDERS and path.is_dir() and not path.is_symlink():
            _sort_tree(path, found)
        elif path.name in {*_SUBJECT_FILES, *_SUBJECT_FOLDERS} or _LEFT.search(path.name):
            _sort_file(path, found)
        elif path.name != layout.SUBJECT_FILE:
            found.others.append(path)
    if os.path.lexists(root / layout.SUBJECT_FILE):
        found.ours.append(root / layout.SUBJECT_FILE)
    found.folders.append(root)
    return found


def sort_take(folder: Path) -> Sorted:
    """A take's folder, and what the add-on wrote beside it. Raises OSError."""
    found = Sorted()
    ours = {*take_files(folder), layout.SIGNATURE_FILE} - {layout.MANIFEST_FILE}
    for path in sorted(folder.iterdir()):
        if path.name in (UNFINISHED_FOLDER, PUBLISHING_FOLDER) and path.is_dir() and not path.is_symlink():
            inner = {*take_files(path), REMOVED_FILE, "preview.png"}
            for one in sorted(path.iterdir()):
                is_ours = one.name in inner or _LEFT.search(one.name)
                (found.ours if is_ours and not _is_folder(one) else found.others).append(one)
            found.folders.append(path)
        elif (path.name in ours or _LEFT.search(path.name)) and not _is_folder(path):
            found.ours.append(path)
        elif path.name != layout.MANIFEST_FILE:
            found.others.append(path)
    beside = (folder.with_name(folder.name + ending) for ending in _COMPANIONS)
    found.ours += [path for path in beside if path.is_file() or path.is_symlink()]
    if os.path.lexists(folder / layout.MANIFEST_FILE):
        found.ours.append(folder / layout.MANIFEST_FILE)
    found.folders.append(folder)
    return found


def files_of_run(out: Path) -> list[Path]:
    """What `talker run` left beside a subject and its take that shows or names the person."""
    return [out / name for name in _RUN_FILES if (out / name).is_file() and not (out / name).is_symlink()]


def _sort_tree(folder: Path, found: Sorted) -> None:
    """Everything below a folder that only the program writes to; other kinds of files stay."""
    for place, names, files in os.walk(folder, topdown=False):
        links = [name for name in names if os.path.islink(os.path.join(place, name))]
        for name in sorted([*files, *links]):
            _sort_file(Path(place, name), found)
        found.folders.append(Path(place))


def _sort_file(path: Path, found: Sorted) -> None:
    known = path.suffix in _SUFFIXES or path.name in (_INNER_SOUND, layout.AUDIO_FILE) or _LEFT.search(path.name)
    is_ours = path.is_symlink() or (known and not _is_folder(path))
    (found.ours if is_ours else found.others).append(path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
