"""What of a subject is held by whom while it is preprocessed, tracked, trained on or scored (shared.claims).

A training begins with the subject and its model, and then holds its model alone: several models of a subject may be
trained at once. Preprocessing begins when none of them is trained, and then holds the subject, so that none begins; its
models it lets go, since Windows gives no other name to a folder in which a file is open. Who draws a chunk begins in
the same way, and then holds a place of its own in the subject: any number may draw at once, preprocessing waits for
them, and `forget` finds them.
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
from shared.files import explaining
from shared.jobs import Reporter

_DRAWN = "drawn."
"""What the names of the places begin with that those hold who draw a subject."""


@contextmanager
def preprocessing_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject, there already or not, while none of its models is trained and no chunk is drawn of it.

    Raises as `claiming`, and InputError where the folder that it lies in cannot be made.
    """

    def wanted() -> list[Path]:
        models = root / layout.MODELS_FOLDER
        found = [path for path in sorted(models.iterdir()) if path.is_dir()] if models.is_dir() else []
        drawn = sorted(root.glob(f"{_DRAWN}*{CLAIM}"))
        return [root, *found, *(path.with_name(path.name.removesuffix(CLAIM)) for path in drawn)]

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
        yield


@contextmanager
def consent_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject while its consent is recorded. Raises as `claiming`."""
    with claiming(lambda: _of_subject(root), "given its consent", report):
        yield


@contextmanager
def training_claim(root: Path, model: ModelFolder, report: Reporter) -> Iterator[None]:
    """Hold a model; at the beginning no one else preprocesses or tracks its subject. Raises as `claiming`."""
    with explaining(model.path):
        model.path.parent.mkdir(parents=True, exist_ok=True)
    subject = _of_subject(root)
    with claiming(lambda: [*subject, model.path], "trained", report) as claims:
        claims.give_back(*subject)
        yield


@contextmanager
def scoring_claim(model: ModelFolder, report: Reporter) -> Iterator[None]:
    """Hold the scores of a model. Raises as `claiming`."""
    with claiming(lambda: [model.evaluation_folder], "scored", report):
        yield


@contextmanager
def drawing_claim(root: Path, report: Reporter) -> Iterator[None]:
    """Hold a subject together with all others who draw it; at the beginning no one else preprocesses or tracks it.

    Where the subject cannot be written to, nothing is held. Raises as `claiming`.
    """
    places = Claims()
    try:
        with claiming(lambda: _of_subject(root), "drawn from", report):
            if os.access(root, os.W_OK):
                # The first place that nobody has: those of processes that were killed are used again.
                for number in itertools.count():
                    if places.take([root / f"{_DRAWN}{number:04d}"], "drawn from") is None:
                        break
        yield
    finally:
        places.give_all_back()


def _of_subject(root: Path) -> list[Path]:
    """The subject itself, but where nobody can write beside it: then nobody can put another one in its place."""
    return [root] if os.access(os.path.dirname(os.path.realpath(root)), os.W_OK) else []
