"""Files that the add-on writes for the backend: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from ..shared import files


def write_json(path: Path, values: dict) -> None:
    """Write values as JSON under a temporary name, then rename. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, values)
