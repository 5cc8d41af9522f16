"""Named arrays in one .npz file: whole or not at all, without pickles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backend.media.whole import DAMAGED_ARCHIVE
from shared.errors import InputError
from shared.files import replacing, require_file


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays through a temporary name. Raises OSError."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load_arrays(path: Path, do: str) -> dict[str, np.ndarray]:
    """All arrays of a file by name. Raises InputError, which tells to `do` something, where it is missing or damaged,
    or holds something else than numbers and text."""
    require_file(path, do)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (*DAMAGED_ARCHIVE, AttributeError, MemoryError) as error:
        raise InputError(f"{path} cannot be read ({error}).", do) from error
