"""Where a person's takes lie, kept in the subject while they are removed.

Takes far from the subject are known by jobs alone, and jobs by the takes that they name: so jobs go first, and after a
run that was killed then the next one still finds the takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from backend.forgetting.person import Person
from shared import layout
from shared.errors import InputError
from shared.files import read_json_object, write_json
from shared.private import FILE_MODE

_TAKES = "takes"


def keep(person: Person, takes: Iterable[Path]) -> None:
    """Keep where takes lie. Raises OSError."""
    write_json(person.journal, {_TAKES: [str(path) for path in takes]}, mode=FILE_MODE)


def takes_of(person: Person) -> list[Path]:
    """Folders that a run which broke off has kept; nothing where there is none, or a damaged one."""
    found: list[Path] = []
    for folder in person.folders:
        path = folder / layout.FORGETTING_FILE
        try:
            told = read_json_object(path, "").get(_TAKES) if path.is_file() and not path.is_symlink() else None
        except InputError:
            continue
        texts = told if isinstance(told, list) else []
        found += [Path(text) for text in texts if isinstance(text, str) and os.path.isabs(text) and "\0" not in text]
    return found


def remove(person: Person) -> None:
    """Remove what was kept. Raises OSError."""
    person.journal.unlink(missing_ok=True)
