"""A subject that is made again takes the place of the one before, and its models go on: in one step, or not at all."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from shared import layout
from shared.claims import CLAIM, Claims
from shared.files import PARTIAL, explaining
from shared.folders import SET_ASIDE, publish_folder, remove_tree, restore_folder

_OLDER_REPLACED = ".replaced"
"""Ending under which older versions set a subject aside, with its models in it, until they had moved them."""


def publish_subject(made: Path, target: Path) -> None:
    """Give a subject that is finished its name; the models of the one before are in it from that moment on.

    They are hard links until the one before is removed, where the disk has such; no file of a model is ever written in
    place. Raises OSError, as `publish_folder`.
    """
    models = made / layout.MODELS_FOLDER
    remove_tree(models)
    if (target / layout.MODELS_FOLDER).is_dir():
        _go_on_in(models, target / layout.MODELS_FOLDER)
    publish_folder(made, target)


def restore_subject(target: Path) -> str:
    """Put right what a run left that was killed while it published the subject `target`; what was done, or "".

    Call it while the subject is claimed. Raises InputError where that fails.
    """
    with explaining(target):
        is_away = not target.exists()
        told = []
        if restore_folder(target) and is_away:
            told.append(f"{target} has its name again: a run was killed while it was being replaced.")
        older = target.with_name(target.name + _OLDER_REPLACED)
        if older.is_dir():
            told.append(_restored_from_older(older, target))
        return " ".join(told)


def restore_if_needed(target: Path) -> None:
    """`restore_subject` for who only reads, where there is something to put right and nobody works on the subject."""
    aside = (target.with_name(target.name + ending) for ending in (_OLDER_REPLACED, SET_ASIDE))
    if target.name and any(path.is_dir() for path in aside):
        claims = Claims()
        if claims.take([target], "put right") is None:
            try:
                restore_subject(target)
            finally:
                claims.give_all_back()


def _restored_from_older(older: Path, target: Path) -> str:
    """What an older version set aside: the subject gets its name back, or its models move to the new one."""
    if not target.exists():
        os.rename(older, target)
        return f"{target} has its name again: a run was killed while it was being replaced."
    moved = []
    models = older / layout.MODELS_FOLDER
    for model in sorted(models.iterdir()) if models.is_dir() else ():
        place = target / layout.MODELS_FOLDER / model.name
        if place.exists() and _holds_all_of(place, model):
            continue
        place.parent.mkdir(exist_ok=True)
        place = _free(place)
        os.rename(model, place)
        moved.append(place.name)
    remove_tree(older)
    if not moved:
        return f"{older}, which a killed run left, is removed."
    return f"The models {', '.join(moved)} are back in {target}: a killed run had left them in {older.name}."


def _holds_all_of(one: Path, other: Path) -> bool:
    """Whether a folder has every file of another, with the same bytes."""
    names = [path.relative_to(other) for path in other.rglob("*") if path.is_file()]
    return all((one / name).is_file() and filecmp.cmp(one / name, other / name, shallow=False) for name in names)


def _free(place: Path) -> Path:
    """A name like this one that nothing has."""
    number, free = 1, place
    while free.exists():
        number += 1
        free = place.with_name(f"{place.name}_{number}")
    return free


def _go_on_in(models: Path, before: Path) -> None:
    """Fill the folder `models` with those of `before`, but for locks and what was never finished. Raises OSError."""
    models.mkdir()
    for path in sorted(before.iterdir()):
        if path.is_dir() and not path.is_symlink():
            _go_on_in(models / path.name, path)
        elif not path.name.endswith((CLAIM, PARTIAL)):
            _link_or_copy(path, models / path.name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without hard links
        shutil.copy2(source, target)
