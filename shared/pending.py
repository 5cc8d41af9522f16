"""Files that take their places in a folder together: after a crash at any moment all of them do, or none.

They are made in a folder inside. Giving that its other name is the one step that counts: from then on it is only a
matter of moving them, which whoever comes next does to its end (`settle`). Other files stay where they are. Standard
library only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import InputError
from .files import flush_folder, is_leftover, write_json
from .folders import flush_tree

UNFINISHED_FOLDER = "unfinished"
"""Where they are made."""
PUBLISHING_FOLDER = "publishing"
"""What that is called once they are whole, until they are in their places."""
REMOVED_FILE = "removed.json"
"""Names of the files that go when these come."""


def publish_pending(folder: Path, removed: Iterable[str]) -> None:
    """Let all files of `folder`/unfinished take their places in `folder`, and the files called `removed` go.

    Raises OSError: then nothing has changed, or `settle` will end it; InputError where something that is not from here
    has the name of one of the two folders.
    """
    made = _own(folder / UNFINISHED_FOLDER)
    settle(folder)
    write_json(made / REMOVED_FILE, sorted(removed))
    flush_tree(made)
    os.rename(made, folder / PUBLISHING_FOLDER)
    flush_folder(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """End what a killed `publish_pending` began, if anything; several may do so at once.

    Raises OSError, and InputError, with nothing moved, for a folder of that name that `publish_pending` did not make.
    """
    whole = _own(folder / PUBLISHING_FOLDER)
    if not whole.is_dir():
        return
    removed = _removed(whole / REMOVED_FILE)
    if removed is None:
        if _holds_any(whole):
            raise _not_ours(whole)
        removed = []
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


def refuse_others(folder: Path, mark: str, is_made: Callable[[Path], bool]) -> None:
    """Raise InputError where anything lies in `folder`/unfinished that is not from here. Writes nothing.

    mark: name of the file that is the first to be made there; is_made: whether files of this name are. Half-written
    ones are ours as well. For who holds the folder. Raises OSError.
    """
    made = _own(folder / UNFINISHED_FOLDER)
    left = [path for path in made.iterdir() if not is_leftover(path)] if made.is_dir() else []
    is_marked = (made / mark).is_file()
    if any(not is_marked or not (is_made(path) or path.name == REMOVED_FILE) for path in left):
        raise _not_ours(made)


def _own(path: Path) -> Path:
    """The path of a folder, there or not. Raises InputError for a link or a file: we make none of that name."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise InputError(f"{path} is a link or a file, not a folder from here.", "Move it away.")
    return path


def _not_ours(path: Path) -> InputError:
    return InputError(f"{path} holds files that are not from here.", "Move that folder away, or give it another name.")


def _holds_any(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:  # another one has ended it
        return False


def _removed(path: Path) -> list[str] | None:
    """Names in the folder; None where the file is not there, or is none that `publish_pending` wrote."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) and Path(name).name == name for name in names):
        return None
    return names
