"""Files that take their places in a folder together: after a crash at any moment all of them do, or none.

They are made in a folder inside. Giving that its other name is the one step that counts: from then on it is only a
matter of moving them, which whoever comes next does to its end (`settle`). Other files stay where they are. Standard
library only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from .files import flush_folder, write_json
from .folders import flush_tree

UNFINISHED_FOLDER = "unfinished"
"""Where they are made."""
PUBLISHING_FOLDER = "publishing"
"""What that is called once they are whole, until they are in their places."""
REMOVED_FILE = "removed.json"
"""Names of the files that go when these come."""


def publish_pending(folder: Path, removed: Iterable[str]) -> None:
    """Let all files of `folder`/unfinished take their places in `folder`, and the files called `removed` go.

    Raises OSError: then nothing has changed, or `settle` will end it.
    """
    made = folder / UNFINISHED_FOLDER
    write_json(made / REMOVED_FILE, sorted(removed))
    flush_tree(made)
    os.rename(made, folder / PUBLISHING_FOLDER)
    flush_folder(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """End what a killed `publish_pending` began, if anything; several may do so at once. Raises OSError."""
    whole = folder / PUBLISHING_FOLDER
    if not whole.is_dir():
        return
    removed = _removed(whole / REMOVED_FILE)
    for path in sorted(whole.iterdir()):
        if path.name != REMOVED_FILE:
            with contextlib.suppress(FileNotFoundError):  # another one has moved it
                os.replace(path, folder / path.name)
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    flush_folder(folder)
    (whole / REMOVED_FILE).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        whole.rmdir()


def _removed(path: Path) -> list[str]:
    """Names in the folder; none where the file has gone already."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name]
