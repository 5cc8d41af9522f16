"""Files that the add-on writes for the backend: whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path


def write_json(path: Path, values: dict) -> Path:
    """Write values as JSON under a temporary name, then rename. Returns `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path
