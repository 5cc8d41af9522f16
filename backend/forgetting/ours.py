"""What in a person's folders is of this program's making, by name and place. All else stays, footage above all."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from backend.deliver.chunks_folder import is_voice_name
from backend.deliver.take import LIVE_PREVIEW_FILE
from backend.forgetting.marked import is_marked
from backend.preprocess import stage_run
from backend.preprocess.working_folder import INTERMEDIATE_FOLDER
from backend.subject.model_folder import ModelFolder, waiting_file
from shared import layout
from shared.claims import CLAIM
from shared.files import PARTIAL
from shared.pending import PUBLISHING_FOLDER, REMOVED_FILE, UNFINISHED_FOLDER

_HALF_WRITTEN = re.compile(rf"(\.\d+\.\d+)?{re.escape(PARTIAL)}(\.\w+)?$")
"""What the name of a file that is being written has after the file's own."""
_FRAME = re.compile(r"head\.\d{6}\.(?:exr|png)")
_INNER = {
    UNFINISHED_FOLDER: layout.MANIFEST_FILE,
    PUBLISHING_FOLDER: layout.MANIFEST_FILE,
    layout.CHUNKS_FOLDER: layout.CHUNK_RECORD_FILE,
}
"""Folders in a take's, and the file in each that says whose it is."""
_INTERMEDIATE = (
    stage_run.LANDMARKS_FILE,
    stage_run.DAMAGE_FILE,
    stage_run.SCAN_FILE,
    stage_run.SOUND_FILE,
    stage_run.SOUND_WORDS_FILE,
    stage_run.SYNC_FILE,
    stage_run.STILLNESS_FILE,
    stage_run.NEVER_COVERED_FILE,
)


def _model_files() -> list[str]:
    model = ModelFolder(Path())
    published = [model.weights_file, model.speech_file, model.heard_file, model.checkpoint_file]
    whole = [*published, model.config_file, model.preview_file, model.evaluation_file]
    return [path.name for path in (*whole, *map(waiting_file, published))]


def _any_of(names: Collection[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, names))})"


_MODEL = rf"{layout.MODELS_FOLDER}/[^/]+"
_EVALUATION = rf"{_MODEL}/{layout.EVALUATION_FOLDER}(?:/{_any_of((UNFINISHED_FOLDER, PUBLISHING_FOLDER))})?"
_PICTURES = _any_of((layout.FRAMES_FOLDER, layout.REGIONS_FOLDER))
_SCRATCH = f"{INTERMEDIATE_FOLDER}/{stage_run.SCRATCH_FOLDER}"
_SUBJECT_FILE = re.compile(
    "|".join(
        (
            _any_of(layout.SUBJECT_FILES),
            rf"{_PICTURES}/\d{{6}}\.png",
            rf"{layout.CACHE_FOLDER}/(?:{_PICTURES}|without_head)_\d+_\w*\.npy",
            rf"{INTERMEDIATE_FOLDER}/{_any_of(_INTERMEDIATE)}",
            rf"{_MODEL}/{_any_of(_model_files())}",
            rf"{_EVALUATION}/(?:{_any_of((layout.SCORES_FILE, REMOVED_FILE))}|\d{{6}}\.\w+\.png)",
        )
    )
)
_SUBJECT_FOLDER = re.compile(
    rf"{_PICTURES}|{layout.CACHE_FOLDER}|{INTERMEDIATE_FOLDER}|{_SCRATCH}(?:/tmp\w+)?"
    f"|{layout.MODELS_FOLDER}"
    f"|{_MODEL}|{_EVALUATION}"
)
_CLAIM = re.compile(
    rf"(?:{_MODEL}(?:/{layout.EVALUATION_FOLDER})?|{layout.CACHE_FOLDER}/\w+\.npy|drawn\.\d+){re.escape(CLAIM)}"
)
"""Who trains, scores, makes a cache, or draws the subject (subject.claims)."""
_UNNAMED = re.compile(rf"{_MODEL}/\.tmp\w{{6}}|{_SCRATCH}/tmp\w+/grey\w*")
"""Temporary files in places of which others choose the name: the library that writes weights, and the system."""


@dataclass
class Sorted:
    """Files of a folder and of those in it."""

    ours: list[Path] = field(default_factory=list)
    """What goes, links among them: what they lead to stays. Files that say whose an inner folder is come last."""
    folders: list[Path] = field(default_factory=list)
    """Folders that go once they are empty, inner ones first."""
    last: list[Path] = field(default_factory=list)
    """Files that say of the outermost folder whose it is: they go when there is nothing else in it any more."""
    others: list[Path] = field(default_factory=list)
    """What is not of our making, and stays; a folder stands for all that is in it."""


def sort_subject(root: Path) -> Sorted:
    """A subject's folder, finished or not. Raises OSError."""
    found = Sorted()
    _sort_tree(root, "", found)
    last = [root / layout.STAGES_FILE, root / layout.SUBJECT_FILE]
    found.last = [path for path in last if path in found.ours]
    found.ours = [path for path in found.ours if path not in last]
    return found


def folders_without_files(folder: Path) -> list[Path]:
    """What is left of a take that was removed all but its folders: those, inner ones first; nothing where there is a
    file in one of them, or another folder. Raises OSError."""
    if not _is_folder(folder):
        return []
    inside = list(folder.iterdir())
    is_all = all(path.name in _INNER and _is_folder(path) and not any(path.iterdir()) for path in inside)
    return [*inside, folder] if is_all else []


def claims_in(root: Path) -> list[Path]:
    """What in a subject is claimed, or was by a process that was killed: models, scores, caches, and who draws it."""
    locks = [path for path in root.rglob(f"*{CLAIM}") if path.is_file() and not path.is_symlink()]
    ours = [path for path in locks if _CLAIM.fullmatch(path.relative_to(root).as_posix())]
    return [path.with_name(path.name.removesuffix(CLAIM)) for path in ours]


def sort_take(folder: Path, own: Collection[Path], person_id: str) -> Sorted:
    """A take's folder, and what the add-on wrote beside it.

    own: the folder itself and those in it whose record names the person (takes.own_places). Where the folder has a
    record of somebody else, or none, nothing in it is known to be the person's but those: and what carries the person's
    marks, where a render was killed while its files took their places. Raises OSError.
    """
    found, last = Sorted(), []
    is_own, is_published = folder in own, folder / PUBLISHING_FOLDER in own
    for path in sorted(folder.iterdir()):
        if path.name in _INNER and _is_folder(path):
            record = path / _INNER[path.name]
            if path in own or (is_own and (path / REMOVED_FILE).is_file() and not os.path.lexists(record)):
                _sort_inner(path, found)
                last += [record] if os.path.lexists(record) else []
            else:
                found.others.append(path)
        elif is_own and path.name == layout.MANIFEST_FILE:
            last.append(path)
        elif (is_own and _is_of_take(path)) or (is_published and _is_of_take(path) and is_marked(path, person_id)):
            found.ours.append(path)
        else:
            found.others.append(path)
    beside = (layout.beside(folder, ending) for ending in layout.TAKE_COMPANIONS)
    found.ours += [path for path in beside if path.is_file() or path.is_symlink()]
    found.ours += last
    found.folders.append(folder)
    return found


def _sort_tree(folder: Path, place: str, found: Sorted) -> None:
    """What is in a folder of a subject; `place`: its path in the subject, with a slash at the end."""
    for path in sorted(folder.iterdir()):
        name = place + path.name
        if _is_folder(path) and _SUBJECT_FOLDER.fullmatch(name):
            _sort_tree(path, name + "/", found)
        elif _is_folder(path):
            found.others.append(path)
        elif _is_of_subject(name) or (path.is_symlink() and _SUBJECT_FOLDER.fullmatch(name)):
            found.ours.append(path)
        else:
            found.others.append(path)
    found.folders.append(folder)


def _is_of_subject(name: str) -> bool:
    whole = _HALF_WRITTEN.sub("", name)
    return bool(_SUBJECT_FILE.fullmatch(whole) or _CLAIM.fullmatch(name) or _UNNAMED.fullmatch(name))


def _sort_inner(folder: Path, found: Sorted) -> None:
    """A folder in a take's, but for the record that says whose it is."""
    is_ours = _is_of_chunks if folder.name == layout.CHUNKS_FOLDER else _is_of_render
    for path in sorted(folder.iterdir()):
        if path.name != _INNER[folder.name]:
            (found.ours if is_ours(path) else found.others).append(path)
    found.folders.append(folder)


def _is_of_take(path: Path) -> bool:
    whole = _HALF_WRITTEN.sub("", path.name)
    is_named = whole in (*layout.TAKE_FILES, layout.SIGNATURE_FILE) or _FRAME.fullmatch(whole) is not None
    return not _is_folder(path) and (is_named or path.name == UNFINISHED_FOLDER + CLAIM)


def _is_of_render(path: Path) -> bool:
    whole = _HALF_WRITTEN.sub("", path.name)
    return _is_of_take(path) or (whole in (REMOVED_FILE, LIVE_PREVIEW_FILE) and not _is_folder(path))


def _is_of_chunks(path: Path) -> bool:
    whole = _HALF_WRITTEN.sub("", path.name)
    is_named = whole == layout.CHUNK_RECORD_FILE or is_voice_name(whole) or _FRAME.fullmatch(whole) is not None
    return not _is_folder(path) and is_named


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
