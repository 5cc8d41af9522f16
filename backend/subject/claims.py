"""What of a subject is held by whom while it is preprocessed, tracked, trained on or scored (shared.claims).

A training begins with the subject and its model, and then holds its model alone: several models of a subject may be
trained at once. Preprocessing begins when none of them is trained, and then holds the subject, so that none begins; its
models it lets go, since Windows gives no other name to a folder in which a file is open. Who reads a subject for long
(a render, a chunk of one, an evaluation, an export, a measurement) begins in the same way, and then holds a place of
its own in the subject: any number may read at once, preprocessing waits for them, and `forget` finds them. `forget`
holds the subject, so that none of all these begins; who has waited for that finds the subject gone, and says so.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.subject.model_folder import ModelFolder
from shared import layout
from shared.claims import CLAIM, Claims, claiming
from shared.errors import InputError
from shared.files import explaining
from shared.jobs import Reporter

_READ = "drawn."
"""What the names of the places begin with that those hold who read a subject."""


@contextmanager
def preprocessing_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject, there already or not, while none of its models is trained and nobody else reads it.

    Raises as `claiming`, and InputError where the folder that it lies in cannot be made.
    """

    def wanted() -> list[Path]:
        models = root / layout.MODELS_FOLDER
        found = [path for path in sorted(models.iterdir()) if path.is_dir()] if models.is_dir() else []
        read = sorted(root.glob(f"{_READ}*{CLAIM}"))
        return [root, *found, *(path.with_name(path.name.removesuffix(CLAIM)) for path in read)]

    with explaining(root):
        if root.parent.exists() and not root.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
        root.parent.mkdir(parents=True, exist_ok=True)
    with claiming(wanted, "preprocessed", report) as claims:
        claims.give_back(*wanted()[1:])
        yield


@contextmanager
def tracking_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject while its poses are refined. Raises as `claiming`."""
    with claiming(lambda: _of_subject(root), "tracked", report):
        _require_there(root)
        yield


@contextmanager
def consent_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject while its consent is recorded. Raises as `claiming`."""
    with claiming(lambda: _of_subject(root), "given its consent", report):
        _require_there(root)
        yield


@contextmanager
def training_claim(root: Path, model: ModelFolder, report: Reporter) -> Iterator[None]:
    """Hold a model; at the beginning no one else preprocesses or tracks its subject. Raises as `claiming`."""
    subject = _of_subject(root)
    with claiming(lambda: subject, "trained", report), explaining(model.path):
        _require_there(root)  # before anything is made in it: it may have been forgotten meanwhile
        model.path.parent.mkdir(exist_ok=True)
    with claiming(lambda: [*subject, model.path], "trained", report) as claims:
        claims.give_back(*subject)
        _require_there(root)
        yield


@contextmanager
def scoring_claim(model: ModelFolder, report: Reporter) -> Iterator[None]:
    """Hold the scores of a model. Raises as `claiming`."""
    with claiming(lambda: [model.evaluation_folder], "scored", report):
        yield


@contextmanager
def reading_claim(root: Path, doing: str, report: Reporter) -> Iterator[None]:
    """Hold a subject together with all others who read it; at the beginning no one else preprocesses, tracks or forgets
    it.

    doing: what is done to it, as in "is being rendered". Where the subject cannot be written to, nothing is held.
    Raises as `claiming`, and InputError where the subject is not there any more.
    """
    places = Claims()
    try:
        with claiming(lambda: _of_subject(root), doing, report):
            _require_there(root)
            if os.access(root, os.W_OK):
                # The first place that nobody has: those of processes that were killed are used again.
                for number in itertools.count():
                    if places.take([root / f"{_READ}{number:04d}"], doing) is None:
                        break
        yield
    finally:
        places.give_all_back()


def held_by_name(path: Path) -> Path:
    """What is meant, for people, by something of a subject that is held: the subject, for a place in it."""
    return path.parent if path.name.startswith(_READ) else path


def _require_there(root: Path) -> None:
    """Raises InputError for a subject that was removed while somebody waited for it."""
    if not (root / layout.SUBJECT_FILE).is_file():
        raise InputError(f"The subject {root} is not there any more.", "It was removed meanwhile.")


def _of_subject(root: Path) -> list[Path]:
    """The subject itself, but where nobody can write beside it: then nobody can put another one in its place."""
    return [root] if os.access(os.path.dirname(os.path.realpath(root)), os.W_OK) else []
